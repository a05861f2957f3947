/** The training runs there are; looked at now and then, so that every view knows of one that is going on. */
import { api } from "../lib/api";
import type { Run } from "../lib/types";
import { app } from "./app.svelte";

const EVERY_MS = { running: 3000, idle: 15000 };

class Runs {
  list = $state.raw<Run[]>([]);
  isLoaded = $state(false);
  private timer = 0;

  readonly running = $derived(this.list.find((run) => run.state === "running") ?? null);

  async load(): Promise<void> {
    const before = this.running?.name;
    this.list = (await api.runs()).runs;
    this.isLoaded = true;
    if (before && !this.running) await app.load(); // it has made a new stage
  }

  /** Look again and again. Returns what ends it. */
  watch(): () => void {
    let isOn = true;
    const look = async () => {
      try {
        if (document.visibilityState === "visible" || !this.isLoaded) await this.load();
      } catch {
        // the next look may succeed; what one does on the page says what is wrong
      }
      if (isOn) this.timer = setTimeout(look, this.running ? EVERY_MS.running : EVERY_MS.idle);
    };
    void look();
    return () => {
      isOn = false;
      clearTimeout(this.timer);
    };
  }
}

export const runs = new Runs();
