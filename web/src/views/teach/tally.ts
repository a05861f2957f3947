/** What one's own blind choices between two stages come to. */
import type { Judged, PairVerdict } from "../../lib/types";

export interface Tally {
  /** How often the new stage was chosen, of the pairs that have a winner. */
  wins: number;
  decided: number;
  ties: number;
}

export const NO_TALLY: Tally = { wins: 0, decided: 0, ties: 0 };
const Z = 1.959964; // 95 %

export function counted(tally: Tally, verdict: PairVerdict, sides: NonNullable<Judged["sides"]>, stage: string): Tally {
  if (verdict !== "left" && verdict !== "right") return { ...tally, ties: tally.ties + 1 };
  const isWin = sides[verdict].endsWith(`/${stage}`);
  return { ...tally, wins: tally.wins + (isWin ? 1 : 0), decided: tally.decided + 1 };
}

/** Wilson's interval (Wilson 1927, JASA 22:209) as "40 to 80 %". */
export function range({ wins, decided }: Tally): string {
  const rate = wins / decided;
  const spread = 1 + Z ** 2 / decided;
  const middle = (rate + Z ** 2 / (2 * decided)) / spread;
  const half = (Z / spread) * Math.sqrt((rate * (1 - rate)) / decided + Z ** 2 / (4 * decided ** 2));
  return `${Math.round((middle - half) * 100)} to ${Math.round((middle + half) * 100)} %`;
}
