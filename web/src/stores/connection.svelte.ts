/** Whether the server answers. Asked every two seconds while the page is visible, and at once when something failed. */

const EVERY_MS = 2000;
const PATIENCE_MS = 1500;

class Connection {
  isLost = $state(false);
  private back = new Set<() => void>();
  private lost = new Set<() => void>();
  private timer = 0;
  private asking: Promise<void> | null = null;

  /** Keep asking. Returns what ends it. */
  watch(): () => void {
    const look = async () => {
      if (document.visibilityState === "visible" || this.isLost) await this.check();
      this.timer = setTimeout(look, EVERY_MS);
    };
    this.timer = setTimeout(look, EVERY_MS);
    return () => clearTimeout(this.timer);
  }

  /** Ask now: a request or a stream has failed. */
  check(): Promise<void> {
    this.asking ??= this.ask().finally(() => (this.asking = null));
    return this.asking;
  }

  /** Call `work` when the server is back. Returns what ends it. */
  onBack(work: () => void): () => void {
    this.back.add(work);
    return () => this.back.delete(work);
  }

  /** Call `work` when the server has gone. Returns what ends it. */
  onLost(work: () => void): () => void {
    this.lost.add(work);
    return () => this.lost.delete(work);
  }

  private async ask(): Promise<void> {
    const was = this.isLost;
    try {
      await fetch("/health", { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
      this.isLost = false;
    } catch (error) {
      // a busy server takes its time, and is there; a refused connection fails at once
      if (error instanceof DOMException && error.name === "TimeoutError") return;
      this.isLost = true;
    }
    if (was !== this.isLost) for (const work of this.isLost ? this.lost : this.back) work();
  }
}

export const connection = new Connection();
