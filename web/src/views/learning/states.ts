import type { RunState } from "../../lib/types";

export const STATE_SAYS: Record<RunState, string> = {
  running: "running",
  done: "done",
  stopped: "stopped",
  failed: "failed",
  interrupted: "interrupted",
};

const ORDER = ["base", "sft", "reward", "align", "rlhf", "compare"];

function rank(stage: string): number {
  const place = ORDER.findIndex((name) => stage.startsWith(name));
  return place < 0 ? ORDER.length : place;
}

/** Stages in the order in which they are trained. */
export const inOrder = (stages: string[]): string[] =>
  stages.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true }));

/** What a stage of training does, in a few words. */
export function stageDoes(stage: string): string {
  if (stage === "base") return "Stage one: reads text and learns to predict the next token";
  if (stage === "sft") return "Stage two: learns to answer from example conversations";
  if (stage === "reward") return "Stage three, first half: a reward model learns what people prefer";
  if (stage.startsWith("rlhf") || stage === "align") return "Stage three, second half: learns to earn a higher reward";
  if (stage === "compare") return "Measures whether the new version is better";
  return "";
}
