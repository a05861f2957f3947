/** What the page says of itself, in its one live region, and questions that need a yes. */
class Status {
  text = $state("");
  kind = $state<"quiet" | "note" | "error">("quiet");
  private timer = 0;

  /** For screen readers only. */
  quiet(text: string): void {
    this.set(text, "quiet", 4000);
  }

  /** A line that everybody sees for a while. */
  note(text: string): void {
    this.set(text, "note", 5000);
  }

  error(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.set(error instanceof Error ? error.message : String(error), "error", 12000);
  }

  clear(): void {
    this.text = "";
  }

  private set(text: string, kind: Status["kind"], forMs: number): void {
    clearTimeout(this.timer);
    this.text = text;
    this.kind = kind;
    this.timer = setTimeout(() => (this.text = ""), forMs);
  }
}

export const status = new Status();

interface Question {
  title: string;
  text: string;
  yes: string;
  isDanger: boolean;
  /** A text to be changed, for questions that want one. */
  value: string | null;
  answer: (value: string | null) => void;
}

class Questions {
  open = $state.raw<Question | null>(null);

  /** Whether the person said yes. */
  async confirm(title: string, text: string, yes: string, isDanger = true): Promise<boolean> {
    return (await this.ask({ title, text, yes, isDanger, value: null })) !== null;
  }

  /** The text given, or null. */
  prompt(title: string, value: string, yes: string): Promise<string | null> {
    return this.ask({ title, text: "", yes, isDanger: false, value });
  }

  private ask(question: Omit<Question, "answer">): Promise<string | null> {
    return new Promise((resolve) => {
      this.open = {
        ...question,
        answer: (value) => {
          this.open = null;
          resolve(value);
        },
      };
    });
  }
}

export const questions = new Questions();
