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
