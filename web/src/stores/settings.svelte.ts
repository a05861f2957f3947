/** How answers are sampled and shown; kept in this browser. */
import { Kept } from "../lib/kept.svelte";
import type { Params } from "../lib/types";

export const START: Params = { temperature: 0.5, top_p: 0.95, max_tokens: 200, seed: null };

export const sampling = new Kept<Params>("sampling", START);
export const showSureness = new Kept("sureness", true);

/** The parameters as a request wants them: no seed means a fresh one each time. */
export function params(): Params {
  const { seed, ...rest } = sampling.value;
  return seed === null || seed === undefined ? rest : { ...rest, seed };
}
