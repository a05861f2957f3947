/** A text cut at marked stretches. The server counts characters (code points), JavaScript's strings UTF-16 units. */

export type Span = readonly [start: number, end: number];

export interface Segment {
  text: string;
  isMarked: boolean;
}

/** The number of characters of a text, as the server counts them. */
export const numChars = (text: string): number => Array.from(text).length;

/** segments("A cat.", [[2, 5]]) -> "A ", "cat" (marked), "."; spans outside of the text are cut. */
export function segments(text: string, spans: readonly Span[]): Segment[] {
  const points = Array.from(text);
  const found: Segment[] = [];
  let at = 0;
  const push = (end: number, isMarked: boolean) => {
    if (end > at) found.push({ text: points.slice(at, end).join(""), isMarked });
    at = Math.max(at, end);
  };
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    push(Math.min(start, points.length), false);
    push(Math.min(end, points.length), true);
  }
  push(points.length, false);
  return found;
}
