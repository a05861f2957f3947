"""Documents: are the right passages found, are answers right, and does it say when the documents don't?

    python benchmarks/documents.py                    # words alone
    python benchmarks/documents.py --model pip        # sentences are chosen with this model's help
    python benchmarks/documents.py --embedder MINILM  # also by dense vectors and by both
    python benchmarks/documents.py --parts written --model smol --questions 60    # answers that a model writes
    python benchmarks/documents.py --parts scale      # 100,000 passages: adding, searching, memory
    python benchmarks/documents.py --fit              # writes src/firstwords/retrieval/fitted.json

Questions: the half of SQuAD 2.0's development set in the folder of test data (--data, or FIRSTWORDS_TEST_DATA). All
paragraphs are indexed together. Articles with an even number serve to fit the weights and the threshold, those with an
odd number to report. The peer is bm25s with the same passages, reader and gate. Intervals are 95 %, clustered by
paragraph.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import _squad
from _common import ROOT, data_dir, machine, report, say, table
from _squad import Article, Question

sys.path.insert(0, str(ROOT / "src"))

from firstwords.retrieval import adding, evidence, readers, store
from firstwords.retrieval.answer import Reader, answered
from firstwords.retrieval.evidence import Described, Evidence
from firstwords.retrieval.records import Passage
from firstwords.stats import cluster_interval

OVER_REFUSAL = 0.15  # of answerable questions in the fitting half, which the threshold allows
DEPTH = 10  # passages per question
READ = evidence.NUM_PASSAGES
Search = Callable[[str, "str | None"], list[Passage]]


class Case:
    """A question with what was found: in all articles, and in the other half's (where its answer is not)."""

    def __init__(self, question: Question, search: Search, relevant: set[int]) -> None:
        self.question, self.relevant = question, relevant
        self.rarity = store.rarity(question.text)
        self.passages = search(question.text, None)
        self.off_topic = search(question.text, "odd" if question.article % 2 == 0 else "even")[:READ]

    @property
    def is_answerable(self) -> bool:
        return bool(self.question.answers)

    @property
    def is_for_fitting(self) -> bool:
        return self.question.article % 2 == 0

    def described(self) -> list[Described]:
        return evidence.described(self.question.text, self.passages[:READ], self.rarity)

    def judged(self, off_topic: bool = False) -> Evidence:
        passages = self.off_topic if off_topic else self.passages[:READ]
        return evidence.judged(self.question.text, passages, self.rarity)

    def is_right(self, passage: Passage, sentence: str) -> bool:
        """Whether a sentence of a passage holds the answer; elsewhere, the same words are a coincidence."""
        return passage.chunk.id in self.relevant and _squad.contains(sentence, self.question.answers)


def add_articles(articles: Sequence[Article], folder: Path) -> list[list[tuple[int, int]]]:
    """Store the articles; for each, the characters of its paragraphs."""
    places = []
    for number, article in enumerate(articles):
        (outcome,) = adding.add([_squad.write_markdown(article, folder)], collection=("even", "odd")[number % 2])
        text = "".join(chunk.text for chunk in store.chunks(outcome.document.id)) if outcome.document else ""
        starts = [text.index(paragraph[:80].strip()) for paragraph in article.paragraphs]
        places.append([(s, s + len(p)) for s, p in zip(starts, article.paragraphs, strict=True)])
    return places


def relevant_chunks(question: Question, chunks: Sequence[Any], place: tuple[int, int]) -> set[int]:
    """Ids of the passages of the question's paragraph that hold the answer."""
    start, end = place
    inside = (chunk for chunk in chunks if chunk.char_start < end and chunk.char_end > start)
    return {chunk.id for chunk in inside if _squad.contains(chunk.text, question.answers)}


def lexical(query: str, collection: str | None) -> list[Passage]:
    return store.search(query, DEPTH, collection=collection)


def by(how: store.How) -> Search:
    """Search in one of the ways that need an embedding model."""
    return lambda query, collection: store.search(query, DEPTH, collection=collection, how=how)


def peer_search() -> Search:
    """bm25s over the same passages."""
    import bm25s

    chunks = {
        c: [chunk for d in store.documents(collection=c) for chunk in store.chunks(d.id)] for c in ("even", "odd")
    }
    documents = {document.id: document for document in store.documents()}
    indexes = {}
    for name, some in ((None, [*chunks["even"], *chunks["odd"]]), *chunks.items()):
        index = bm25s.BM25()
        texts = [f"{chunk.title} {chunk.text}" for chunk in some]
        index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
        indexes[name] = (index, some)

    def search(query: str, collection: str | None) -> list[Passage]:
        index, some = indexes[collection]
        tokens = bm25s.tokenize([query], stopwords="en", show_progress=False)
        places, scores = index.retrieve(tokens, k=DEPTH, show_progress=False)
        return [
            Passage(some[place], documents[some[place].document_id], float(score))
            for place, score in zip(places[0], scores[0], strict=True)
            if score > 0
        ]

    return search


# ---- fitting ---------------------------------------------------------------------------------------------------------


def fit(cases: Sequence[Case], likelihood: readers.Likelihood | None) -> dict[str, Any]:
    """Weights and threshold from the fitting half."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    ours = [case for case in cases if case.is_for_fitting]
    rows, labels = [], []
    for case in (case for case in ours if case.is_answerable):
        for number, _, _, sentence, features in case.described():
            rows.append(features)
            labels.append(case.is_right(case.passages[number], sentence))
    model = LogisticRegression(max_iter=2000).fit(np.array(rows), np.array(labels))
    fitted = evidence.fitted()
    fitted["sentences"] = dict(zip(evidence.SENTENCE_FEATURES, model.coef_[0].round(3).tolist(), strict=True))
    groups = [(case, off) for case in ours for off in (False, True)]
    found = [(case.judged(off), case.is_answerable and not off) for case, off in groups]
    rows_g = np.array([e.gate_features for e, _ in found if e.gate_features])
    labels_g = np.array([label for e, label in found if e.gate_features])
    gate = LogisticRegression(max_iter=2000, class_weight="balanced").fit(rows_g, labels_g)
    fitted["gate"] = {"bias": round(float(gate.intercept_[0]), 3)}
    fitted["gate"] |= dict(zip(evidence.GATE_FEATURES, gate.coef_[0].round(3).tolist(), strict=True))
    answerable = sorted(case.judged().probability for case in ours if case.is_answerable)
    fitted["threshold"] = round(answerable[int(OVER_REFUSAL * len(answerable))], 3)
    fitted["likelihood"] = best_weight(ours, likelihood) if likelihood is not None else 0.0
    fitted["fitted_on"] = {
        "data": "SQuAD 2.0, half of the development set (CC BY-SA 4.0), its articles with an even number",
        "answerable": len(answerable),
        "unanswerable": sum(not case.is_answerable for case in ours),
        "other_topic": len(ours),
        "threshold": f"refuses {OVER_REFUSAL:.0%} of the answerable questions",
    }
    evidence.FITTED.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
    return fitted


def best_weight(cases: Sequence[Case], likelihood: readers.Likelihood, sample: int = 400) -> float:
    """The weight of a model's log p(question | sentence) with which most sampled questions get the right sentence."""
    answerable = [case for case in cases if case.is_answerable]
    some = random.Random(0).sample(answerable, min(sample, len(answerable)))
    judged = [(case, case.judged()) for case in some]
    logprobs = {}
    for case, found in judged:
        texts = [candidate.text for candidate in found.candidates[: readers.RERANKED]]
        logprobs[case.question.text] = likelihood(case.question.text, texts) if texts else []
    rights = {}
    for weight in (0.0, 0.1, 0.2, 0.4, 0.8):
        evidence.fitted()["likelihood"] = weight
        reader = readers.Extractive(lambda question, _: logprobs[question])
        bests = [(case, found, reader.best(found)) for case, found in judged]
        rights[weight] = sum(b is not None and c.is_right(f.passages[b.passage], b.text) for c, f, b in bests)
    say(f"right sentences of {len(some)} by the weight of the model: {rights}")
    return max(rights, key=lambda weight: (rights[weight], -weight))


# ---- measuring -------------------------------------------------------------------------------------------------------


def rate(cases: Sequence[Case], values: Iterable[float]) -> dict[str, float]:
    """A mean with its interval; outcomes of one paragraph are a cluster."""
    clusters: dict[tuple[int, int], list[float]] = defaultdict(list)
    for case, value in zip(cases, values, strict=True):
        clusters[case.question.article, case.question.paragraph].append(value)
    n = sum(map(len, clusters.values()))
    low, high = cluster_interval(list(clusters.values()))
    return {"rate": sum(map(sum, clusters.values())) / n if n else 0.0, "low": low, "high": high, "n": n}


def found_rates(cases: Sequence[Case]) -> dict[str, dict[str, float]]:
    """recall@1, 5, 10 and nDCG@10 of the answerable questions."""
    asked = [case for case in cases if case.is_answerable]
    hits = [[passage.chunk.id in case.relevant for passage in case.passages] for case in asked]
    rates = {f"recall@{k}": rate(asked, [float(any(h[:k])) for h in hits]) for k in (1, 5, 10)}
    ndcg = []
    for case, hit in zip(asked, hits, strict=True):
        ideal = sum(1 / math.log2(place + 2) for place in range(min(DEPTH, len(case.relevant))))
        gained = sum(1 / math.log2(place + 2) for place, is_hit in enumerate(hit) if is_hit)
        ndcg.append(gained / ideal if ideal else 0.0)
    return rates | {"nDCG@10": rate(asked, ndcg)}


def answer_rates(cases: Sequence[Case], reader: readers.Extractive) -> dict[str, dict[str, float]]:
    """How good answers are, and whether the gate stops the right ones."""
    asked = [case for case in cases if case.is_answerable]
    unanswerable = [case for case in cases if not case.is_answerable]
    found = {id(case): case.judged() for case in cases}
    best = {id(case): reader.best(found[id(case)]) for case in cases if case.is_answerable or found[id(case)].is_enough}
    texts = [b.text if (b := best[id(case)]) else "" for case in asked]
    right = {id(c): float((b := best[id(c)]) is not None and c.is_right(c.passages[b.passage], b.text)) for c in asked}
    answered = [case for case in cases if found[id(case)].is_enough]
    abstained = [case for case in cases if not found[id(case)].is_enough]
    off_topic = [float(not case.judged(off_topic=True).is_enough) for case in asked]
    return {
        "exact match (whole sentence)": rate(
            asked, [_squad.exact(t, c.question.answers) for t, c in zip(texts, asked, strict=True)]
        ),
        "F1 (whole sentence)": rate(
            asked, [_squad.f1(t, c.question.answers) for t, c in zip(texts, asked, strict=True)]
        ),
        "answerable: the quoted sentence holds the answer": rate(asked, [right[id(c)] for c in asked]),
        "answered and answerable: citation precision": rate(
            some := [case for case in answered if case.is_answerable], [right[id(c)] for c in some]
        ),
        "answered, unanswerable ones included: citation precision": rate(
            answered, [right.get(id(c), 0.0) for c in answered]
        ),
        "abstention precision": rate(abstained, [float(not c.is_answerable) for c in abstained]),
        "abstention recall": rate(unanswerable, [float(not found[id(c)].is_enough) for c in unanswerable]),
        "abstention recall, other topics": rate(asked, off_topic),
        "over-refusal": rate(asked, [float(not found[id(c)].is_enough) for c in asked]),
    }


def written_rates(cases: Sequence[Case], reader: Reader) -> dict[str, dict[str, float]]:
    """How good whole answers are, of a reader that quotes or of one that writes."""
    answers = {}
    for number, case in enumerate(cases, 1):
        answers[id(case)] = answered(case.judged(), reader)
        say(f"{number}/{len(cases)} {case.question.text} -> {answers[id(case)].text[:150]!r}")
    asked = [case for case in cases if case.is_answerable]
    unanswerable = [case for case in cases if not case.is_answerable]
    given = [case for case in cases if answers[id(case)].is_grounded]

    def texts(case: Case) -> str:
        return " ".join(sentence.text for sentence in answers[id(case)].sentences)

    def is_cited(case: Case) -> float:
        return float(any(citation.passage.chunk.id in case.relevant for citation in answers[id(case)].citations))

    return {
        "answerable: the answer holds it": rate(
            asked, [float(_squad.contains(texts(c), c.question.answers)) for c in asked]
        ),
        "answerable: a cited passage holds it": rate(asked, [is_cited(c) for c in asked]),
        "answerable: F1 of the answer": rate(asked, [_squad.f1(texts(c), c.question.answers) for c in asked]),
        "answerable: refused": rate(asked, [float(not answers[id(c)].is_grounded) for c in asked]),
        "unanswerable: refused": rate(unanswerable, [float(not answers[id(c)].is_grounded) for c in unanswerable]),
        "answers with a sentence that is marked": rate(
            given, [float(not all(s.is_supported for s in answers[id(c)].sentences)) for c in given]
        ),
    }


def scale(articles: Sequence[Article], count: int, questions: Sequence[str]) -> dict[str, Any]:
    """Add `count` passages made from the paragraphs with changed words; then search among them."""
    generator = random.Random(0)
    paragraphs = [paragraph for article in articles for paragraph in article.paragraphs]
    vocabulary = " ".join(paragraphs).split()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(100):
            texts = []
            for _ in range(count // 100):
                words = generator.choice(paragraphs).split()[:120]
                for place in generator.sample(range(len(words)), len(words) // 10):
                    words[place] = generator.choice(vocabulary)
                texts.append(" ".join(words))
            (folder / f"part{number}.txt").write_text("\n\n".join(texts), encoding="utf-8")
        before, start, cpu = peak_mb(), time.perf_counter(), time.process_time()
        outcomes = list(adding.add([folder], collection="scale"))
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    chunks = sum(outcome.document.chunks for outcome in outcomes if outcome.document)
    times, cpu_times = [], []
    for question in generator.sample(list(questions), 300):
        start, cpu = time.perf_counter(), time.process_time()
        store.search(question, DEPTH)
        times.append(time.perf_counter() - start)
        cpu_times.append(time.process_time() - cpu)
    return {
        "passages": chunks,
        "passages/s": chunks / seconds,
        "passages per CPU second": chunks / cpu_seconds,
        "search p50 ms": 1000 * quantile(times, 0.5),
        "search p95 ms": 1000 * quantile(times, 0.95),
        "search p95 CPU ms": 1000 * quantile(cpu_times, 0.95),
        "memory growth MB": peak_mb() - before,
    }


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(share * len(values))]


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Everything that was asked for: (result, its tables)."""
    articles, questions = _squad.read(options.data)
    questions = questions[:: max(1, len(questions) // options.questions)] if options.questions else questions
    result: dict[str, Any] = {"machine": machine(), "model": options.model}
    texts = []
    if {"answers", "written"} & set(options.parts):
        with tempfile.TemporaryDirectory() as folder:
            places = add_articles(articles, Path(folder))
        chunks = [store.chunks(store.named(article.title)[0].id) for article in articles]
        relevant = [relevant_chunks(q, chunks[q.article], places[q.article][q.paragraph]) for q in questions]
        pairs = [(q, r) for q, r in zip(questions, relevant, strict=True) if options.fit or q.article % 2]
        cases = [Case(question, lexical, chunk_ids) for question, chunk_ids in pairs]
        say(f"{len(cases):,} questions searched")
        likelihood = model_likelihood(options.model) if options.model else None
        if options.fit:
            fit(cases, likelihood)
        reported = [case for case in cases if not case.is_for_fitting]
        if "written" in options.parts:
            rates = {"extractive": written_rates(reported, readers.Extractive())}
            rates[f"written by {options.model}"] = written_rates(reported, written_by(options.model))
            result["written"] = rates
            texts.append(compared(rates))
        if "answers" not in options.parts:
            return result, "\n\n".join(texts)
        search = peer_search()
        peers = [Case(case.question, search, case.relevant) for case in reported]
        readers_of = {"firstwords": (reported, readers.Extractive()), "bm25s": (peers, readers.Extractive())}
        if likelihood:
            readers_of |= {f"with {options.model}": (reported, readers.Extractive(likelihood))}
        if options.embedder:
            store.embed(str(options.embedder.resolve()), lambda done: say(f"{done:,} passages embedded"))
            for how in ("dense", "fused"):
                readers_of[how] = ([Case(c.question, by(how), c.relevant) for c in reported], readers.Extractive())
                say(f"{how}: {len(reported):,} questions searched")
        for name, (some, reader) in readers_of.items():
            result[name] = found_rates(some) | answer_rates(some, reader)
            say(f"{name} measured")
        texts.append(compared({name: result[name] for name in readers_of}))
    if "scale" in options.parts:
        result["scale"] = scale(articles, options.passages, [question.text for question in questions])
        texts.append(table(["", "figure"], [[name, f"{value:,.1f}"] for name, value in result["scale"].items()]))
    return result, "\n\n".join(texts)


def compared(rates: dict[str, dict[str, dict[str, float]]]) -> str:
    """A table with a column for each name."""
    titles = next(iter(rates.values()))
    return table(["", *rates], [[title, *(shown(rates[name][title]) for name in rates)] for title in titles])


def shown(figures: dict[str, float]) -> str:
    return f"{figures['rate']:.1%} ({figures['low']:.1%}-{figures['high']:.1%}, n = {figures['n']:,})"


def model_likelihood(ref: str) -> readers.Likelihood:
    from firstwords import api

    loaded = api.load(ref)
    return lambda question, texts: readers.likelihood(loaded.model, loaded.tokenizer, question, texts)


def written_by(ref: str) -> Reader:
    from firstwords import api

    return api.load(ref).reader("generative")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_dir(), help="folder with eval/squad2-dev-half.json.gz")
    parser.add_argument("--model", help="NAME/STAGE or path of a model; the home of models is FIRSTWORDS_HOME's")
    parser.add_argument("--parts", nargs="+", choices=("answers", "written", "scale"), default=("answers", "scale"))
    parser.add_argument("--questions", type=int, default=0, help="about so many questions instead of all")
    parser.add_argument("--embedder", type=Path, help="directory of an embedding model")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--fit", action="store_true", help="fit weights and threshold, and write them")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if "written" in options.parts and not options.model:
        parser.error("--parts written needs --model")
    if options.model:
        from firstwords import home

        options.model = str(home.resolve(options.model))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FIRSTWORDS_HOME"] = folder
        result, text = measure(options)
    report(result, text, options.json)


if __name__ == "__main__":
    main()
