/** The newest answer to a question that changes while one drags. */
import { ApiError } from "../../lib/api";
import { sentence } from "../../lib/format";

type Ask<T> = (signal: AbortSignal) => Promise<T>;

export class Live<T> {
  value = $state.raw<T | null>(null);
  isBusy = $state(false);
  /** Why the newest question has no answer, in one sentence, or "". */
  trouble = $state("");
  private running: AbortController | null = null;
  private next: Ask<T> | null = null;
  private timer = 0;

  /** `patience`: ms that a newer question waits for the one on its way; its answer is worth seeing meanwhile. */
  constructor(private readonly patience = 400) {}

  /** For an $effect: asks after `wait` ms; what is asked meanwhile replaces what waits. */
  ask(ask: Ask<T>, wait = 0): () => void {
    const timer = setTimeout(() => {
      this.next = ask;
      if (!this.running) void this.run();
      else if (!this.timer) this.timer = setTimeout(() => this.running?.abort(), this.patience);
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
      if (!control.signal.aborted) this.trouble = sentence(error instanceof ApiError ? error.message : String(error));
    } finally {
      clearTimeout(this.timer);
      [this.running, this.timer, this.isBusy] = [null, 0, false];
      if (this.next) void this.run();
    }
  }
}
