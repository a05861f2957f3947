/** The built-in tools, and which of them an answer calls. */
import type { Message } from "./types";

export const TOOLS: { name: string; title: string; says: string }[] = [
  { name: "calculator", title: "Calculator", says: "The value of a sum." },
  { name: "clock", title: "Clock", says: "The date and the time." },
  { name: "units", title: "Units", says: "Kilometres in miles, pounds in kilograms." },
  { name: "documents", title: "Document search", says: "Passages of your documents." },
];

const CALL = /(?:^|\n|<tool_call>)\s*\{\s*"name"\s*:\s*"([\w.-]+)"\s*,\s*"arguments"\s*:\s*\{/g;

/** The names of the tools that were on and are called in an answer. */
export function callsOf(message: Message): string[] {
  const on = message.params?.tools ?? [];
  return on.length ? [...message.content.matchAll(CALL)].map((found) => found[1]!).filter((name) => on.includes(name)) : [];
}
