/** The views of the page. A new one is a line here and a folder in views/. */
import type { Component } from "svelte";
import Chat from "./views/chat/Chat.svelte";

export interface View {
  path: string;
  title: string;
  icon: string;
  says: string;
  load: () => Promise<{ default: Component }>;
}

export const VIEWS: View[] = [
  { path: "chat", title: "Chat", icon: "chat", says: "Talk with it", load: async () => ({ default: Chat }) }, // with the page: one comes for it
  { path: "inside", title: "Inside", icon: "inside", says: "Why this word?", load: () => import("./views/inside/Inside.svelte") },
  { path: "stages", title: "Stages", icon: "stages", says: "Before and after", load: () => import("./views/stages/Stages.svelte") },
  { path: "documents", title: "Documents", icon: "file", says: "Your own files", load: () => import("./views/documents/Documents.svelte") },
  { path: "write", title: "Write", icon: "write", says: "Stories and essays", load: () => import("./views/write/Write.svelte") },
  { path: "learning", title: "Learning", icon: "learning", says: "Watch it learn", load: () => import("./views/learning/Learning.svelte") },
  { path: "teach", title: "Teach", icon: "teach", says: "Rate answers", load: () => import("./views/teach/Teach.svelte") },
  { path: "ladder", title: "Ladder", icon: "ladder", says: "From a line to words", load: () => import("./views/ladder/Ladder.svelte") },
  { path: "models", title: "Models", icon: "models", says: "Trained models", load: () => import("./views/models/Models.svelte") },
];

export const viewOf = (path: string): View => VIEWS.find((view) => view.path === path) ?? VIEWS[0]!;
