// Runs each case and prints one JSON object: {name: {value} or {error}}. Case `ints` and others may fail by themselves.
export async function run(cases) {
  const results = {};
  for (const [name, work] of Object.entries(cases)) {
    try {
      results[name] = { value: await work() };
    } catch (error) {
      results[name] = { error: String(error?.message ?? error), kind: error?.constructor?.name, status: error?.status };
    }
  }
  process.stdout.write(JSON.stringify(results));
}

export const [baseURL, question] = process.argv.slice(2);
