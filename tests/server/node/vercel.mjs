// The Vercel AI SDK with both of its providers: node vercel.mjs BASE_URL QUESTION
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateObject, generateText, streamObject, streamText } from "ai";
import { z } from "zod";
import { baseURL, question, run } from "./cases.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const openai = createOpenAI({ baseURL, apiKey: "none" });
const compatible = createOpenAICompatible({
  name: "firstwords", baseURL, apiKey: "none", includeUsage: true, supportsStructuredOutputs: true,
});
const options = { prompt: question, temperature: 0, maxOutputTokens: 24, maxRetries: 0 };
const schema = z.object({ kind: z.enum(["cat", "dog"]), legs: z.enum(["two", "four"]) });
const Age = z.object({ age: z.number().int() });

async function streamed(model) {
  const result = streamText({ model, ...options });
  let text = "";
  for await (const part of result.textStream) text += part;
  return { text, output_tokens: (await result.usage).outputTokens, reason: await result.finishReason };
}

async function conversation(model, providerOptions) {
  const first = await generateText({ model, ...options, maxOutputTokens: 8 });
  const messages = [{ role: "user", content: question }, ...first.response.messages, { role: "user", content: "Why?" }];
  const second = await generateText({
    model, messages, temperature: 0, maxOutputTokens: 24, maxRetries: 0, providerOptions,
  });
  return { first: first.text, second: second.text };
}

const cases = {};
for (const [name, model] of Object.entries({
  openai: openai("pip"), chat: openai.chat("pip"), compatible: compatible("pip"),
})) {
  cases[`${name}_generate`] = async () => (await generateText({ model, ...options })).text;
  cases[`${name}_stream`] = () => streamed(model);
  cases[`${name}_object`] = async () => (await generateObject({ model, schema, prompt: question, maxRetries: 0 })).object;
  cases[`${name}_ints`] = async () =>
    (await generateObject({ model, schema: Age, prompt: question, maxRetries: 0 })).object;
  cases[`${name}_stored`] = () => conversation(model);
}
cases.openai_unstored = () => conversation(openai("pip"), { openai: { store: false } });
cases.openai_streamed = async () => {
  const first = streamText({ model: openai("pip"), ...options, maxOutputTokens: 8 });
  const messages = [{ role: "user", content: question }, ...(await first.response).messages, { role: "user", content: "Why?" }];
  const second = await generateText({ model: openai("pip"), messages, temperature: 0, maxOutputTokens: 24, maxRetries: 0 });
  return { first: await first.text, second: second.text };
};
cases.openai_stream_object = async () => {
  const result = streamObject({ model: openai("pip"), schema, prompt: question, maxRetries: 0 });
  for await (const _ of result.partialObjectStream);
  return result.object;
};
cases.embed = async () =>
  (await embedMany({ model: compatible.textEmbeddingModel("pip"), values: ["a cat", "a dog"] })).embeddings.length;
await run(cases);
