/** How answers are sampled and shown; kept in this browser. */
import { Kept } from "../lib/kept.svelte";
import type { Params, Rules } from "../lib/types";
import { app } from "./app.svelte";

type Others = Omit<Params, "temperature" | "top_p">; // what no model says by itself

export const START: Others = {
  top_k: 0,
  min_p: 0,
  repetition_penalty: 1,
  max_tokens: 200,
  seed: null,
};
const CHAT = { temperature: 0.5, top_p: 0.95 }; // until the models are known

/** Only what the person has set; the rest is the model's own, or the start value. */
export const sampling = new Kept<Partial<Params>>("sampling", {});
/** What the next new chat tells the model to be, before the first message. */
export const instruction = new Kept("instruction", "");
/** Messages that were begun and not sent, by chat; "" is the new chat. */
export const drafts = new Kept<Record<string, string>>("drafts", {});
/** What every answer has to obey, until it is cleared. */
export const rules = new Kept<Rules>("rules", {});
/** The built-in tools that the model may call; none unless switched on. */
export const tools = new Kept<string[]>("tools", []);
export const showSureness = new Kept("sureness", true);

/** The parameters of a chat's request: what it leaves out, the model says; no seed means a fresh one each time. */
export function params(): Others & Partial<Params> {
  const { seed, ...rest } = { ...START, ...sampling.value, rules: stated(rules.value), tools: tools.value };
  return seed === null || seed === undefined ? rest : { ...rest, seed };
}

/** The rules that say something. */
export function stated(given: Rules | undefined): Rules {
  return Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value.length));
}

/** The same with all values filled in, those of this stage where none is set: for another try, which would otherwise keep its answer's. */
export function allParams(ref: string | null = app.model): Params {
  return { ...CHAT, ...app.stage(ref)?.sampling, ...params() };
}
