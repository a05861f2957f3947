/** Which curves a stage of training has, taken from the rows it wrote. */
import type { Row } from "../../lib/types";

export interface Line {
  label: string;
  points: [step: number, value: number][];
  /** Drawn with dots and dashes, so that colour is not all that tells lines apart. */
  isDashed: boolean;
}

export interface Curve {
  title: string;
  says: string;
  lines: Line[];
  digits: number;
}

function line(rows: Row[], kind: string, key: string, label: string, isDashed = false): Line {
  const points: [number, number][] = [];
  for (const row of rows) {
    const value = row[key];
    if (row.kind === kind && typeof value === "number" && typeof row.step === "number") points.push([row.step, value]);
  }
  // A resumed run may have written a step twice: the newer counts.
  const bySteps = new Map(points);
  return { label, points: [...bySteps].sort((a, b) => a[0] - b[0]), isDashed };
}

export function curves(rows: Row[]): Curve[] {
  const isPolicy = rows.some((row) => typeof row.kl === "number");
  const found: Curve[] = [
    {
      title: "Reward",
      says: "Proxy: the reward model's score. Gold: the built-in judge's true score. If only the proxy rises, the model is exploiting weak spots of the reward model.",
      lines: [line(rows, "gold", "gold", "gold", true), line(rows, "gold", "proxy", "proxy")],
      digits: 3,
    },
    { title: "KL", says: "How far it has moved from the model it started as, in nats per answer.", lines: [line(rows, "train", "kl", "KL")], digits: 3 },
    {
      title: "Loss",
      says: "Surprise at the correct next token, in nats (for a reward model: at which answer was preferred). Lower is better.",
      lines: isPolicy ? [] : [line(rows, "train", "loss", "training"), line(rows, "eval", "loss", "held out", true)],
      digits: 3,
    },
    {
      title: "Bits per byte",
      says: "How well it would compress the text. Held-out text was never used for training.",
      lines: isPolicy ? [] : [line(rows, "train", "bpb", "training"), line(rows, "eval", "bpb", "held out", true)],
      digits: 3,
    },
    { title: "Tokens per second", says: "How fast it reads.", lines: [line(rows, "train", "tokens_per_s", "tokens/s")], digits: 0 },
  ];
  return found
    .map((curve) => ({ ...curve, lines: curve.lines.filter((one) => one.points.length) }))
    .filter((curve) => curve.lines.length);
}
