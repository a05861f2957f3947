/** How sure the model was of a token, in five steps; each has a tint and an underline of its own (app.css). */
const LIMITS = [0.9, 0.5, 0.2, 0.05];

export const STEPS = [
  { says: "sure", range: "90 % and more" },
  { says: "fairly sure", range: "50 to 90 %" },
  { says: "unsure", range: "20 to 50 %" },
  { says: "very unsure", range: "5 to 20 %" },
  { says: "a guess", range: "below 5 %" },
];

export const probability = (logprob: number | null): number => (logprob === null ? 0 : Math.exp(logprob));

/** 0 (sure) to 4 (a guess), from a log-probability. */
export function step(logprob: number): number {
  const place = LIMITS.findIndex((limit) => Math.exp(logprob) >= limit);
  return place < 0 ? LIMITS.length : place;
}

export const sureClass = (logprob: number | null): string => {
  const found = logprob === null ? 0 : step(logprob);
  return found ? `sure-${found}` : "";
};
