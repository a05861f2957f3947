/** A chat answer that somebody wants to look inside: the messages before it, and what the model said. */
import type { PromptMessage } from "../lib/types";

interface Looked {
  model: string;
  messages: PromptMessage[];
  answer: string;
}

class FromChat {
  value = $state.raw<Looked | null>(null);
}

export const fromChat = new FromChat();
