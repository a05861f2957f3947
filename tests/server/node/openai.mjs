// The npm package `openai`: node openai.mjs BASE_URL QUESTION
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { baseURL, question, run } from "./cases.mjs";

const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: question }];
const chat = { model: "pip", messages, temperature: 0, max_tokens: 24 };
const response = { model: "pip", input: question, temperature: 0, max_output_tokens: 24 };
const Pet = z.object({ kind: z.enum(["cat", "dog"]), legs: z.enum(["two", "four"]) });
const Age = z.object({ age: z.number().int(), weight: z.number() });

await run({
  create: async () => (await client.chat.completions.create(chat)).choices[0].message.content,
  stream: async () => {
    let text = "";
    let usage;
    const stream = await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } });
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    return { text, completion_tokens: usage.completion_tokens };
  },
  helper: async () => client.chat.completions.stream(chat).finalContent(),
  parse: async () =>
    (await client.chat.completions.parse({ model: "pip", messages, response_format: zodResponseFormat(Pet, "pet") }))
      .choices[0].message.parsed,
  ints: async () =>
    (await client.chat.completions.parse({ model: "pip", messages, response_format: zodResponseFormat(Age, "age") }))
      .choices[0].message.parsed,
  tools: async () => {
    const tools = [zodFunction({ name: "pet", parameters: Pet })];
    const parsed = await client.chat.completions.parse({ model: "pip", messages, tools, tool_choice: "required", parallel_tool_calls: false });
    return parsed.choices[0].message.tool_calls.map((call) => call.function.parsed_arguments)[0];
  },
  tools_stream: async () => {
    const tools = [zodFunction({ name: "pet", parameters: Pet })];
    const stream = client.chat.completions.stream({ model: "pip", messages, tools, tool_choice: "required", parallel_tool_calls: false });
    const done = [];
    stream.on("tool_calls.function.arguments.done", (event) => done.push(event.name));
    const message = await stream.finalMessage();
    return { done, pet: JSON.parse(message.tool_calls[0].function.arguments) };
  },
  run_tools: async () => {
    let given;
    const parameters = z.toJSONSchema(Pet);
    const run = (found) => ((given = found), "It purrs.");
    const pet = { type: "function", function: { name: "pet", parameters, parse: JSON.parse, function: run } };
    const choice = { type: "function", function: { name: "pet" } };
    await client.chat.completions.runTools({ model: "pip", messages, max_tokens: 80, tools: [pet], tool_choice: choice }).done();
    return given;
  },
  response: async () => (await client.responses.create(response)).output_text,
  response_stream: async () => {
    const kinds = [];
    let text = "";
    for await (const event of await client.responses.create({ ...response, stream: true })) {
      if (kinds.at(-1) !== event.type) kinds.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    return { text, kinds };
  },
  response_helper: async () => {
    const stream = client.responses.stream({ ...response, max_output_tokens: undefined, stop: ["e"] });
    return (await stream.finalResponse()).output_text;
  },
  response_parse: async () =>
    (await client.responses.parse({ model: "pip", input: question, text: { format: zodTextFormat(Pet, "pet") } }))
      .output_parsed,
  previous: async () => {
    const first = await client.responses.create(response);
    const second = await client.responses.create({ ...response, input: "Why?", previous_response_id: first.id });
    return [first.output_text, second.output_text];
  },
  unknown: async () => client.responses.create({ ...response, previous_response_id: "resp_1" }),
  abort: async () => {
    const controller = new AbortController();
    const stream = await client.responses.create({ model: "pip", input: question, stream: true, ignore_eos: true }, { signal: controller.signal });
    for await (const event of stream) if (event.type === "response.output_text.delta") controller.abort();
    return "aborted";
  },
  models: async () => (await client.models.list()).data.map((model) => model.id),
  embedding: async () => (await client.embeddings.create({ model: "pip", input: "The cat" })).data[0].embedding.length,
  completion: async () => (await client.completions.create({ model: "pip", prompt: "The cat", max_tokens: 5 })).choices[0].text.length,
});
