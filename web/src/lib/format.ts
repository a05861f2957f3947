/** Numbers and times as people read them. */

export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return value < 1e-4 ? "< 0.0001 %" : `${Number(value.toPrecision(1))} %`;
  if (value > 99.9 && value < 100) return `${value.toFixed(value > 99.99 ? 4 : 2)} %`;
  return `${value >= 10 && Number.isInteger(value) ? value : value.toFixed(1)} %`;
}

export const bits = (value: number): string => `${value.toFixed(2)} bits`;

export function count(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)}B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${Math.round(value / 1e3)}k`;
  return Math.round(value).toLocaleString("en");
}

export function bytes(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} GB`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} MB`;
  return `${Math.ceil(value / 1e3)} kB`;
}

/** 75 -> "1 min 15 s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}

/** "just now", "5 min ago", "yesterday", "12 Nov". */
export function ago(iso: string): string {
  const then = new Date(iso);
  const seconds = (Date.now() - then.getTime()) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 172800) return "yesterday";
  return then.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

/** A token's text with its spaces and line ends to be seen. */
export function visible(text: string): string {
  if (text === "") return "∅";
  return text.replaceAll(" ", "·").replaceAll("\n", "↵").replaceAll("\t", "⇥");
}

/** "base" -> what a visitor understands. */
export function stageSays(stage: string): string {
  if (stage === "base") return "pre-trained only";
  if (stage === "sft") return "fine-tuned";
  if (stage.startsWith("rlhf")) return "aligned with preferences";
  return "";
}

export const plural = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** How many equally likely choices an entropy (bits) amounts to: "1.1 equally likely choices", "29 equally likely choices". */
export function choices(entropy: number): string {
  const count = 2 ** entropy;
  return `${count < 10 ? count.toFixed(1) : Math.round(count).toLocaleString("en")} equally likely choices`;
}

/** A message of the server as a sentence: it ends with one mark. */
export const sentence = (text: string): string => (!text || /[.?!…]$/.test(text) ? text : `${text}.`);
