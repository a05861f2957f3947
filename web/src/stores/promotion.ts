/** Which stage a model's name means: every change names both stages and can be undone. */
import { api } from "../lib/api";
import type { Changed, Model } from "../lib/types";
import { app } from "./app.svelte";
import { questions, status } from "./status.svelte";

/** Use another stage from now on; asks first where it cannot chat. */
export async function promote(model: Model, stage: string): Promise<void> {
  const chosen = model.stages.find((one) => one.stage === stage);
  if (chosen?.form === "text" && !(await confirmed(model.name, stage))) return;
  const changed = await api.promote(model.name, stage);
  await tell(changed, () => api.rollback(model.name, changed.was));
}

/** Undo the last promotion. */
export async function rollBack(model: Model): Promise<void> {
  const changed = await api.rollback(model.name);
  await tell(changed, () => api.promote(model.name, changed.was));
}

function confirmed(name: string, stage: string): Promise<boolean> {
  const text = `${stage} continues text and does not answer. While ${name} uses it, chats and programs that ask for ${name} get an error.`;
  return questions.confirm(`Use ${stage} for ${name}?`, text, `Use ${stage}`);
}

async function tell(changed: Changed, undo: () => Promise<Changed>): Promise<void> {
  await app.load();
  status.note(says(changed), {
    label: "Undo",
    act: async () => {
      const back = await undo();
      await app.load();
      status.note(says(back));
    },
  });
}

const says = ({ name, promoted, was }: Changed) => `${name} now uses ${promoted} (was ${was})`;
