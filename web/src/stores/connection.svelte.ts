/** Whether the server answers. Checked every two seconds while the page is visible, and at once after a failure. */

const EVERY_MS = 2000;
const PATIENCE_MS = 1500;

class Connection {
  isLost = $state(false);
  /** How often the server has come back or was restarted: an effect that reads it runs again then. */
  epoch = $state(0);
  private back = new Set<() => void>();
  private lost = new Set<() => void>();
  private timer = 0;
  private asking: Promise<void> | null = null;
  private instance = "";

  /** Keep checking. Returns what ends it. */
  watch(): () => void {
    const look = async () => {
      if (document.visibilityState === "visible" || this.isLost) await this.check();
      this.timer = setTimeout(look, EVERY_MS);
    };
    this.timer = setTimeout(look, EVERY_MS);
    return () => clearTimeout(this.timer);
  }

  /** Check now: a request or a stream has failed. */
  check(): Promise<void> {
    this.asking ??= this.ask().finally(() => (this.asking = null));
    return this.asking;
  }

  /** Call `work` when the server is back, or was restarted. Returns what ends it. */
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
    let isOther = false; // a restart may be quicker than two checks
    try {
      const reply = await fetch("/health", { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
      const instance = reply.headers.get("Firstwords-Instance") ?? "";
      isOther = this.instance !== "" && instance !== this.instance;
      this.instance = instance;
      this.isLost = false;
    } catch (error) {
      // a busy server takes its time, and is there; a refused connection fails at once
      if (error instanceof DOMException && error.name === "TimeoutError") return;
      this.isLost = true;
    }
    if (!was && (this.isLost || isOther)) for (const work of this.lost) work();
    if (!this.isLost && (was || isOther)) {
      this.epoch += 1;
      for (const work of this.back) work();
    }
  }
}

export const connection = new Connection();
