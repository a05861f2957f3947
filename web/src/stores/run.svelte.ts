/** One training run in progress: its rows, its samples, its state, followed over server-sent events. */
import { api } from "../lib/api";
import { follow } from "../lib/sse";
import type { Row, Run, RunDetail, RunResult, RunState, Sample } from "../lib/types";
import { runs } from "./runs.svelte";
import { status } from "./status.svelte";

const ENDS: Record<RunState, string> = {
  running: "is running",
  done: "has finished",
  stopped: "was stopped, and its progress is saved",
  failed: "has failed",
  interrupted: "was interrupted",
};

interface RowsEvent {
  stage: string;
  rows: Row[];
  /** Drop the stage's earlier rows: a stream starts with all of them, and a resumed run writes them again. */
  reset: boolean;
}

export class WatchedRun {
  run = $state.raw<Run | null>(null);
  rows = $state.raw<Record<string, Row[]>>({});
  samples = $state.raw<Sample[]>([]);
  log = $state.raw<string>("");
  result = $state.raw<RunResult | null>(null);
  isLive = $state(false);
  private close: () => void = () => {};
  private waiting: RowsEvent[] = [];
  private frame = 0;

  async open(name: string): Promise<void> {
    this.leave();
    await this.load(name);
    if (this.run?.state === "running") this.watch(name);
  }

  leave(): void {
    this.close();
    this.close = () => {};
    this.isLive = false;
    this.waiting = [];
  }

  private async load(name: string): Promise<void> {
    const detail = await api.run(name);
    this.take(detail);
  }

  private take(detail: RunDetail): void {
    const { rows, samples, log, result, ...run } = detail;
    this.run = run;
    this.rows = rows ?? {};
    this.samples = samples ?? [];
    this.log = Array.isArray(log) ? log.join("\n") : (log ?? "");
    this.result = result ?? null;
  }

  private watch(name: string): void {
    this.isLive = true;
    this.close = follow(
      api.runStream(name),
      {
        rows: (event: RowsEvent) => this.add(event),
        sample: (sample: Sample) => (this.samples = [...this.samples, sample]),
        state: ({ run }: { run: Run }) => {
          this.run = run;
          if (run.state !== "running") this.ended(name);
        },
      },
      () => this.ended(name),
    );
  }

  private ended(name: string): void {
    this.leave();
    this.load(name)
      .then(() => this.run && status.note(`${name} ${ENDS[this.run.state]}`))
      .catch((error) => status.error(error));
    runs.load().catch(() => {});
  }

  /** New rows wait for the next frame: a small model makes many steps per second. */
  private add(event: RowsEvent): void {
    if (event.reset) this.samples = this.samples.filter((sample) => sample.stage !== event.stage);
    this.waiting.push(event);
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      const rows = { ...this.rows };
      for (const { stage, rows: fresh, reset } of this.waiting) rows[stage] = reset ? fresh : [...(rows[stage] ?? []), ...fresh];
      this.waiting = [];
      this.rows = rows;
    });
  }
}
