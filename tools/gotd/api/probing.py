"""gotd.probe: which choice helps, before anything is trained."""

from collections.abc import Iterator, Mapping

from gotd.api.choice import Choice
from gotd.api.inputs import TextSource, read_documents, record_text
from gotd.probing.comparing import Comparison, HeldOut, Input, Settings, compare
from gotd.runtime import thread_count


def probe(choices: Mapping[str, TextSource | Choice], target: TextSource, source: TextSource, *,
          pool: TextSource | None = None, share: float = 0.3, budget: int | None = None, draws: int = 5,
          order: int = 3, resamples: int = 2000, seed: int = 0, text_key: str | None = None,
          text_template: str | None = None, message_template: str | None = None,
          threads: int | None = None) -> Comparison:
    """Compare choices without training, as ds-probe does.

    Args:
        choices: by their names, texts or records, or what gotd.select returned.
        target: held-out texts of the task.
        source: a sample of what the model was trained on, or of the pool.
        pool: what random choices are drawn from; the source where it is not given.
        share: lambda, of the choice in the effective distribution (1 - share) source + share choice.
        text_key, text_template, message_template: how records become texts, as of ds-probe.
        budget: words of each choice that count, the first ones; all where it is not given.

    Returns:
        A row each for no choice, random ones and every choice: nats a word, by the word and by the text, with 95 %
        intervals and paired differences to random and to the best.
    """

    text = record_text(text_key, text_template, message_template)

    def given(source: TextSource | Choice, name: str) -> Input:
        texts = read_documents(source.records if isinstance(source, Choice) else source, text, name).texts

        def batches() -> Iterator[list[str]]:
            yield texts

        return Input(name, batches)

    return compare(HeldOut("target", read_documents(target, text, "target").texts),
                   [given(choice, name) for name, choice in choices.items()], given(source, "source"),
                   None if pool is None else given(pool, "pool"),
                   Settings(share, budget, order, draws, resamples, seed), thread_count(threads))
