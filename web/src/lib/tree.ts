/** A chat is a tree of messages; what one reads is the path from its root to the active message. */
import type { Message } from "./types";

type Get = (id: string) => Message | undefined;

/** From the root to `active`. */
export function pathTo(active: string | null, get: Get): Message[] {
  const path: Message[] = [];
  const seen = new Set<string>();
  for (let id = active; id !== null && !seen.has(id); ) {
    const message = get(id);
    if (!message) break;
    seen.add(id);
    path.push(message);
    id = message.parent_id;
  }
  return path.reverse();
}

/** parent (null for the root) -> children, oldest first. */
export function childrenOf(messages: Iterable<Message>): Map<string | null, Message[]> {
  const children = new Map<string | null, Message[]>();
  for (const message of messages) {
    const of = children.get(message.parent_id);
    if (of) of.push(message);
    else children.set(message.parent_id, [message]);
  }
  return children;
}

/** The end of a branch: from `id` always on to the newest child. */
export function newestLeaf(id: string, children: Map<string | null, Message[]>): string {
  for (;;) {
    const below = children.get(id);
    if (!below?.length) return id;
    id = below[below.length - 1]!.id;
  }
}

/** How many messages stand below `id`, over all branches. */
export function countBelow(id: string, children: Map<string | null, Message[]>): number {
  let found = 0;
  const waiting = [id];
  while (waiting.length) {
    const below = children.get(waiting.pop()!) ?? [];
    found += below.length;
    waiting.push(...below.map((m) => m.id));
  }
  return found;
}
