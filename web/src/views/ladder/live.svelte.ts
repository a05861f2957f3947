/** The newest answer to a question that changes while one drags. */
import { ApiError } from "../../lib/api";

type Ask<T> = (signal: AbortSignal) => Promise<T>;

const PATIENCE = 400; // ms that a newer question waits for the one on its way, whose answer is worth seeing meanwhile

export class Live<T> {
  value = $state.raw<T | null>(null);
  isBusy = $state(false);
  /** Why the newest question has no answer, in one sentence, or "". */
  trouble = $state("");
  private running: AbortController | null = null;
  private next: Ask<T> | null = null;
  private patience = 0;

  /** For an $effect: asks after `wait` ms; what is asked meanwhile replaces what waits. */
  ask(ask: Ask<T>, wait = 0): () => void {
    const timer = setTimeout(() => {
      this.next = ask;
      if (!this.running) void this.run();
      else if (!this.patience) this.patience = setTimeout(() => this.running?.abort(), PATIENCE);
    }, wait);
    return () => clearTimeout(timer);
  }

  /** Give up what is on its way, when the view goes. */
  stop(): void {
    this.next = null;
    this.running?.abort();
  }

  private async run(): Promise<void> {
    const ask = this.next!;
    const control = new AbortController();
    [this.next, this.running, this.isBusy] = [null, control, true];
    try {
      this.value = await ask(control.signal);
      this.trouble = "";
    } catch (error) {
      if (!control.signal.aborted) this.trouble = error instanceof ApiError ? error.message : String(error);
    } finally {
      clearTimeout(this.patience);
      [this.running, this.patience, this.isBusy] = [null, 0, false];
      if (this.next) void this.run();
    }
  }
}
