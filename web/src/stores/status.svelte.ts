/** What one can do about a line of news. */
interface Action {
  label: string;
  act: () => Promise<void>;
}

/** One line of news, until its time is over or the next takes its place. */
class News {
  text = $state("");
  action = $state.raw<Action | null>(null);
  private timer = 0;

  say(text: string, forMs: number, action: Action | null = null): void {
    clearTimeout(this.timer);
    this.text = text;
    this.action = action;
    this.timer = setTimeout(() => this.clear(), forMs);
  }

  clear(): void {
    this.text = "";
    this.action = null;
  }
}

/** What the page says of itself. What is only heard never takes the place of what is to be seen. */
class Status {
  readonly heard = new News();
  readonly seen = new News();
  isError = $state(false);

  /** For screen readers only. */
  quiet(text: string): void {
    this.heard.say(text, 4000);
  }

  /** A line that everybody sees for a while, longer where they can do something about it. */
  note(text: string, action: Action | null = null): void {
    this.isError = false;
    this.seen.say(text, action ? 15000 : 5000, action);
  }

  /** Do what the line offers, once. */
  async act(): Promise<void> {
    const action = this.seen.action;
    this.clear();
    try {
      await action?.act();
    } catch (error) {
      this.error(error);
    }
  }

  error(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.isError = true;
    this.seen.say(error instanceof Error ? error.message : String(error), 12000);
  }

  clear(): void {
    this.seen.clear();
  }
}

export const status = new Status();

/** A question that needs a yes. */
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
