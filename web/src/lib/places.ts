/** Where a passage is, in words. */
import { ago } from "./format";

interface Place {
  source: string;
  page: number | null;
  as_of: string | null;
}

/** "notes/house.md", "manual.pdf, page 3", "https://example.org, as of 12 Nov". */
export function place({ source, page, as_of }: Place): string {
  const parts = [source.startsWith("/") ? (source.split("/").at(-1) ?? source) : source];
  if (page !== null) parts.push(`page ${page}`);
  if (as_of) parts.push(`as of ${ago(as_of)}`);
  return parts.join(", ");
}
