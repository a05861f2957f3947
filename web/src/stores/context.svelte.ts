/** What the model reads of the open chat, as the server says: how long the next prompt is, and what no longer fits. */
import type { Reading } from "../lib/types";

class Context {
  reading = $state.raw<Reading | null>(null);

  readonly leftOut = $derived(new Set(this.reading?.left_out));
  /** Tokens by which the next message is too long; 0 where it fits. */
  readonly over = $derived(this.reading?.over ?? 0);
}

export const context = new Context();
