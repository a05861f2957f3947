import type { StageTask } from "../../lib/types";

/** The exam of a stage as rows to show; anything else in its metrics is left to the files. */
export interface ExamRow {
  key: string;
  says: string;
  rate: number;
  low: number | null;
  high: number | null;
}

const SAYS: Record<string, string> = {
  told: "answers what it knows",
  told_refused: "refuses what it knows (lower is better)",
  two_steps: "combines two facts",
  never_told_abstained: "admits what is unknown",
  instructions: "does small tasks",
  visitor: "replies sensibly to visitors",
  tools: "does sums with the calculator",
  no_tool: "calls no tool without need",
  stops: "ends its answers",
};

/** Why a version was promoted after its training, or why not. */
export function decisionOf(metrics: Record<string, unknown>): string {
  const { promoted, reason } = (metrics.promotion ?? {}) as { promoted?: boolean; reason?: string };
  return reason ? `${promoted ? "Promoted" : "Not promoted"} after training: ${reason}.` : "";
}

export function examRows(metrics: Record<string, unknown>): ExamRow[] {
  const exam = (metrics.exam ?? {}) as Record<string, { rate?: number; low?: number; high?: number } | undefined>;
  return Object.entries(SAYS).flatMap(([key, says]) => {
    const { rate, low = null, high = null } = exam[key] ?? {};
    return typeof rate === "number" ? [{ key, says, rate, low, high }] : [];
  });
}

/** A task's main figure: a percentage, or chrF from 0 to 100. */
export function taskFigure({ metric, rate, low, high }: StageTask): { value: string; interval: string } {
  const value = metric === "chrF" ? `chrF ${(rate * 100).toFixed(1)}` : `${(rate * 100).toFixed(1)} %`;
  return { value, interval: `(${(low * 100).toFixed(0)}-${(high * 100).toFixed(0)})` };
}

/** What a stage changed in a task, in words: "+4.0 over base", "no clear difference to base". */
export function taskChange({ change }: StageTask): string {
  if (!change) return "";
  const isClear = change.low > 0 || change.high < 0;
  const points = `${change.rate < 0 ? "−" : "+"}${Math.abs(change.rate * 100).toFixed(1)}`;
  return isClear ? `${points} over ${change.over}` : `no clear difference to ${change.over} (${points})`;
}
