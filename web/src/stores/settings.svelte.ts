/** How answers are sampled and shown; kept in this browser. */
import { Kept } from "../lib/kept.svelte";
import type { Params } from "../lib/types";

export const START: Params = {
  temperature: 0.5,
  top_p: 0.95,
  top_k: 0,
  min_p: 0,
  repetition_penalty: 1,
  max_tokens: 200,
  seed: null,
};

export const sampling = new Kept<Params>("sampling", START);
/** What the next new chat tells the model to be, before the first message. */
export const instruction = new Kept("instruction", "");
/** Messages that were begun and not sent, by chat; "" is the new chat. */
export const drafts = new Kept<Record<string, string>>("drafts", {});
export const showSureness = new Kept("sureness", true);

/** The parameters as a request wants them: no seed means a fresh one each time. */
export function params(): Params {
  const { seed, ...rest } = { ...START, ...sampling.value };
  return seed === null || seed === undefined ? rest : { ...rest, seed };
}
