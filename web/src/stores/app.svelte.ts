/** What the whole page shares: the server's state, the models there are, and how the page looks. */
import { api, ApiError } from "../lib/api";
import { Kept } from "../lib/kept.svelte";
import type { Model, Stage, State, Thrown } from "../lib/types";

/** Whether the server wants a key that it has not got. */
const isLocked = (state: State): boolean => state.needs_key && !state.keyed_in;

class App {
  state = $state.raw<State | null>(null);
  models = $state.raw<Model[]>([]);
  trash = $state.raw<Thrown[]>([]);
  /** Why the page cannot start, or "". */
  trouble = $state("");
  /** Version of the server that this page came from. */
  private version = $state("");
  /** The server was replaced by another version since: this page may no longer fit it. */
  readonly isOutdated = $derived(this.state !== null && this.state.version !== this.version);
  /** The stage that one talks with, "" for the server's own choice. */
  private chosen = new Kept("model", "");

  readonly needsKey = $derived(this.state !== null && isLocked(this.state));

  constructor() {
    addEventListener("firstwords:key-needed", () => {
      if (this.state) this.state = { ...this.state, needs_key: true, keyed_in: false };
    });
  }

  async load(): Promise<void> {
    try {
      const state = await api.state();
      // the page shows once there is a state: without its models it would say that there are none
      if (!isLocked(state)) await this.loadModels();
      this.state = state;
      this.version ||= state.version;
      this.trouble = "";
    } catch (error) {
      // a page that is there stays there: what has failed is tried again when the server is back
      if (!this.state) this.trouble = error instanceof ApiError ? error.message : String(error);
    }
  }

  async loadModels(): Promise<void> {
    const found = await api.models();
    this.models = found.models;
    this.trash = found.trash;
  }

  /** The stage to talk with: NAME/STAGE, or "" without a model. */
  get model(): string {
    if (this.stage(this.chosen.value)) return this.chosen.value;
    const by_default = this.state?.default_model ?? "";
    if (this.stage(by_default)) return by_default;
    const name = by_default.split("/")[0];
    const model = this.models.find((m) => m.name === name) ?? this.models[0];
    return model ? `${model.name}/${model.promoted}` : "";
  }

  set model(ref: string) {
    this.chosen.value = ref;
  }

  /** The name of that model, without the stage. */
  get modelName(): string {
    return this.model.split("/")[0] ?? "";
  }

  stage(ref: string | null): Stage | undefined {
    for (const model of this.models) {
      const found = model.stages.find((s) => s.ref === ref);
      if (found) return found;
    }
    return undefined;
  }
}

export const app = new App();

export type ThemeChoice = "auto" | "light" | "dark";

class Theme {
  private kept = new Kept<ThemeChoice>("theme", "auto");
  private system = matchMedia("(prefers-color-scheme: dark)");
  private systemIsDark = $state(this.system.matches);

  constructor() {
    this.system.addEventListener("change", () => {
      this.systemIsDark = this.system.matches;
      this.apply();
    });
    this.apply();
  }

  get choice(): ThemeChoice {
    return this.kept.value;
  }

  set choice(choice: ThemeChoice) {
    this.kept.value = choice;
    this.apply();
  }

  get isDark(): boolean {
    return this.choice === "dark" || (this.choice === "auto" && this.systemIsDark);
  }

  private apply(): void {
    document.documentElement.dataset.theme = this.isDark ? "dark" : "light";
  }
}

export const theme = new Theme();
