/** Rules in words: described({ only_words_with: "f", words: "3-" }) is "only words with f, 3 words or more". */
import type { Rules } from "./types";

export function described(rules: Rules): string {
  const { only_words_with, without_letter, words, rhyme_with, choice, regex, json_schema } = rules;
  const parts = [
    only_words_with && `only words with ${only_words_with}`,
    without_letter && `without ${without_letter}`,
    words && (words.endsWith("-") ? `${words.slice(0, -1)} words or more` : words === "1" ? "1 word" : `${words} words`),
    rhyme_with && `rhymes with ${rhyme_with}`,
    choice?.length && `one of ${(Array.isArray(choice) ? choice : choice.split("|")).join(", ")}`,
    regex && "a regular expression",
    json_schema && "a JSON schema",
  ];
  return parts.filter(Boolean).join(", ");
}
