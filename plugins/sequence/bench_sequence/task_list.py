"""The tasks of this plugin by name, with their data sets and the metrics that only they use. Imports no torch."""

from collections.abc import Iterator

from bench_sequence.datasets import sources
from bench_sequence.family import SEQUENCE_MIXER
from bench_sequence.hyperparameters import RECIPE
from harness import Anchors, Dataset, Metric, Task

_COSTS = ("parameters", "seconds_per_step", "peak_memory")
_CAUSAL = frozenset({"causal"})
_BIDIRECTIONAL = frozenset({"bidirectional"})
_RATE = frozenset({"bidirectional", "rate"})
_TEN = Anchors(chance=0.1, reference=1.0, source="one of ten at random; no error")
_TWO = Anchors(chance=0.5, reference=1.0, source="one of two at random; no error")


def tasks() -> Iterator[Task]:
    """Yield the tasks, the synthetic ones first."""
    yield _task(
        "copying",
        "recall:Copying",
        "copying",
        "accuracy",
        _CAUSAL,
        anchors=Anchors(chance=0.125, reference=1.0, source="one of eight at random; no error"),
        reference="Arjovsky, Shah, Bengio 2016, arXiv:1511.06464",
        summary="name the symbols at the beginning of a sequence after many blanks",
    )
    yield _task(
        "selective-copying",
        "recall:SelectiveCopying",
        "copying",
        "accuracy",
        _CAUSAL,
        anchors=Anchors(chance=0.0714, reference=1.0, source="one of fourteen at random; no error"),
        reference="Gu, Dao 2023, arXiv:2312.00752",
        summary="name the symbols at random places of a sequence, in order",
    )
    yield _task(
        "induction-heads",
        "recall:InductionHeads",
        "induction-heads",
        "accuracy",
        _CAUSAL,
        anchors=Anchors(chance=0.0526, reference=1.0, source="one of nineteen at random; no error"),
        reference="Olsson et al. 2022, arXiv:2209.11895; Fu et al. 2023, arXiv:2212.14052",
        summary="name the token that followed the special token before",
    )
    yield _task(
        "associative-recall",
        "recall:AssociativeRecall",
        "mqar",
        "accuracy",
        _CAUSAL,
        reference="Arora et al. 2023, arXiv:2312.04927",
        summary="answer each key with its value, many keys in a sequence (MQAR)",
    )
    yield _task(
        "adding",
        "adding:Adding",
        "adding",
        "mse",
        _CAUSAL,
        anchors=Anchors(chance=0.1667, reference=0.0, source="always 1; no error"),
        reference="Hochreiter, Schmidhuber 1997; Arjovsky, Shah, Bengio 2016, arXiv:1511.06464",
        summary="add the two numbers that are marked",
    )
    yield _task(
        "autoregressive",
        "autoregressive:AutoregressiveProcess",
        "autoregressive",
        ("mse", "least_mse"),
        _CAUSAL,
        reference="Zhang et al. 2023, arXiv:2303.09489",
        summary="predict an autoregressive process, one step or a horizon ahead",
    )
    yield _task(
        "in-context-regression",
        "in_context:InContextRegression",
        "in-context-regression",
        ("last_mse", "mse", "bayes_last_mse", "bayes_mse", "gradient_last_mse", "newton_last_mse", "nearest_last_mse"),
        _CAUSAL,
        anchors=Anchors(chance=1.0, reference=0.0, source="always 0; no error"),
        reference="Garg et al. 2022, arXiv:2208.01066; Akyürek et al. 2023, arXiv:2211.15661",
        summary="linear regression from the examples in the sequence itself",
    )
    yield from _real_tasks()


def _real_tasks() -> Iterator[Task]:
    arena = "Tay et al. 2020, arXiv:2011.04006"
    yield _task(
        "text",
        "text:Text",
        ("imdb", "imdb-altered"),
        "accuracy",
        _BIDIRECTIONAL,
        anchors=_TWO,
        reference=f"Maas et al. 2011; {arena}",
        summary="is a film review positive, by its characters",
    )
    yield _task(
        "retrieval",
        "text:Retrieval",
        "aan",
        "accuracy",
        _BIDIRECTIONAL,
        anchors=_TWO,
        reference=f"Radev et al. 2009; {arena}",
        summary="does one of two papers cite the other, by their characters",
    )
    yield _task(
        "image",
        "images:Image",
        ("cifar10", "cifar10-jpeg"),
        "accuracy",
        _BIDIRECTIONAL,
        anchors=_TEN,
        reference=f"Krizhevsky 2009; {arena}",
        summary="name what a grey CIFAR-10 image shows from its 1024 pixels",
    )
    yield _task(
        "pathfinder",
        "images:Pathfinder",
        "pathfinder",
        "accuracy",
        _BIDIRECTIONAL,
        anchors=_TWO,
        reference=f"Linsley et al. 2018, arXiv:1805.08315; {arena}",
        summary="are two marked ends of one contour; with size 128, Path-X",
    )
    yield _task(
        "sequential-mnist",
        "images:SequentialMnist",
        "mnist",
        "accuracy",
        _CAUSAL,
        anchors=_TEN,
        reference="LeCun et al. 1998; Le, Jaitly, Hinton 2015, arXiv:1504.00941",
        summary="name a handwritten digit from its 784 pixels, in order or permuted",
    )
    yield _task(
        "sequential-cifar",
        "images:SequentialCifar",
        ("cifar10", "cifar10-jpeg"),
        "accuracy",
        _BIDIRECTIONAL,
        anchors=_TEN,
        reference="Krizhevsky 2009",
        summary="name what a CIFAR-10 image shows from its 1024 coloured pixels",
    )
    yield _task(
        "spoken-digits",
        "speech:SpokenDigits",
        "spoken-digits",
        "accuracy",
        _BIDIRECTIONAL,
        anchors=_TEN,
        reference="Jackson et al., doi:10.5281/zenodo.1342401",
        summary="name a spoken digit from raw audio",
    )
    yield _task(
        "speech-commands",
        "speech:SpeechCommands",
        "speech-commands",
        "accuracy",
        _BIDIRECTIONAL,
        anchors=_TEN,
        reference="Warden 2018, arXiv:1804.03209",
        summary="name a spoken word from a second of raw audio",
    )
    yield _task(
        "spoken-digits-half-rate",
        "speech:SpokenDigitsAtHalfRate",
        "spoken-digits",
        "accuracy",
        _RATE,
        anchors=_TEN,
        reference="Romero et al. 2022, arXiv:2102.02611; Gu, Goel, Ré 2022, arXiv:2111.00396",
        summary="spoken-digits, tested on every second sample by layers that are told the rate",
    )
    yield _task(
        "speech-commands-half-rate",
        "speech:SpeechCommandsAtHalfRate",
        "speech-commands",
        "accuracy",
        _RATE,
        anchors=_TEN,
        reference="Romero et al. 2022, arXiv:2102.02611; Gu, Goel, Ré 2022, arXiv:2111.00396",
        summary="speech-commands, tested on every second sample by layers that are told the rate",
    )
    series = ("etth1", "etth2", "ettm1", "ettm2", "exchange", "illness")
    yield _task(
        "forecasting",
        "forecasting:Forecasting",
        series,
        ("mse", "mae", "repeated_mse", "seasonal_mse", "linear_mse"),
        _BIDIRECTIONAL,
        reference="Zhou et al. 2021, arXiv:2012.07436; Wu et al. 2021, arXiv:2106.13008",
        summary="the next rows of electricity transformers, exchange rates or illness",
    )


def metrics() -> Iterator[Metric]:
    """Yield the metrics that only these tasks use."""
    yield Metric(
        "least_mse",
        "bench_sequence.tasks.autoregressive:least_mse",
        better="lower",
        role="baseline",
        summary="error of the process's own coefficients",
    )
    yield Metric(
        "last_mse",
        "bench_sequence.tasks.in_context:last_mse",
        better="lower",
        summary="mean squared error after all examples; 1 is predicting 0",
    )
    yield Metric(
        "bayes_mse",
        "bench_sequence.tasks.in_context:bayes_mse",
        better="lower",
        role="baseline",
        summary="error of ridge regression with the right penalty, over all positions",
    )
    yield Metric(
        "bayes_last_mse",
        "bench_sequence.tasks.in_context:bayes_last_mse",
        better="lower",
        role="baseline",
        summary="error of ridge regression with the right penalty, after all examples",
    )
    for name, what in (
        ("gradient", "one step of gradient descent, one layer of linear attention,"),
        ("newton", "three iterations of Newton's method"),
        ("nearest", "the mean of the three nearest examples"),
    ):
        yield Metric(
            f"{name}_last_mse",
            f"bench_sequence.tasks.in_context:{name}_last_mse",
            better="lower",
            role="baseline",
            summary=f"error of {what} after all examples",
        )
    yield Metric(
        "mae",
        "bench_sequence.tasks.forecasting:mae",
        better="lower",
        summary="mean absolute error",
    )
    for name, what in (
        ("repeated", "repeating the last row"),
        ("seasonal", "repeating the last day, week or year"),
        ("linear", "ridge regression on the context, the same for every column"),
    ):
        yield Metric(
            f"{name}_mse",
            f"bench_sequence.tasks.forecasting:{name}_mse",
            better="lower",
            role="baseline",
            summary=f"error of {what}",
        )


def datasets() -> Iterator[Dataset]:
    """Yield the data sets."""
    here = "bench_sequence.datasets"
    yield Dataset("copying", f"{here}.recall:copying", summary="symbols among blanks, to be named at markers")
    yield Dataset("induction-heads", f"{here}.recall:induction_heads", summary="a special token and what follows it")
    yield Dataset("mqar", f"{here}.recall:mqar", summary="keys with values, and the keys again")
    yield Dataset("adding", f"{here}.adding:adding", summary="numbers, two of which are marked")
    yield Dataset("autoregressive", f"{here}.autoregressive:autoregressive", summary="processes with given poles")
    yield Dataset(
        "in-context-regression", f"{here}.in_context:in_context_regression", summary="linear functions by examples"
    )
    yield Dataset("pathfinder", f"{here}.pathfinder:pathfinder", summary="contours among others, two ends marked")
    yield from _real_datasets(here)


def _real_datasets(here: str) -> Iterator[Dataset]:
    reviews, images = "film reviews, positive and negative", "60,000 images of ten classes, official pixels"
    yield Dataset("imdb", f"{here}.imdb:imdb", summary=reviews, sources=sources.IMDB)
    altered = "a public copy of imdb, in which at least three reviews are others"
    yield Dataset("imdb-altered", f"{here}.imdb:imdb_altered", summary=altered, sources=sources.IMDB_ALTERED)
    yield Dataset("aan", f"{here}.aan:aan", summary="pairs of papers that cite one another or not", sources=sources.AAN)
    yield Dataset("cifar10", f"{here}.cifar10:cifar10", summary=images, sources=sources.CIFAR10)
    lossy = "CIFAR-10 (JPEG q75): the images of cifar10 after lossy compression"
    yield Dataset("cifar10-jpeg", f"{here}.cifar10:cifar10_jpeg", summary=lossy, sources=sources.CIFAR10_JPEG)
    yield Dataset("mnist", f"{here}.mnist:mnist", summary="70,000 handwritten digits", sources=sources.MNIST)
    spoken = "3,000 recordings of ten digits"
    yield Dataset("spoken-digits", f"{here}.spoken_digits:spoken_digits", summary=spoken, sources=sources.SPOKEN_DIGITS)
    words = "105,829 recordings of 35 words"
    target = f"{here}.speech_commands:speech_commands"
    yield Dataset("speech-commands", target, summary=words, sources=sources.SPEECH_COMMANDS)
    for name, files, summary in (
        ("etth1", sources.ETTH1, "load and oil temperature of a transformer, hourly"),
        ("etth2", sources.ETTH2, "load and oil temperature of another transformer, hourly"),
        ("ettm1", sources.ETTM1, "as etth1, every 15 minutes"),
        ("ettm2", sources.ETTM2, "as etth2, every 15 minutes"),
        ("exchange", sources.EXCHANGE, "daily exchange rates of eight currencies"),
        ("illness", sources.ILLNESS, "weekly patients with influenza-like illness"),
    ):
        yield Dataset(name, f"{here}.time_series:{name}", summary=summary, sources=files)


def _task(
    name: str,
    target: str,
    datasets: str | tuple[str, ...],
    metrics: str | tuple[str, ...],
    requires: frozenset[str] = frozenset(),
    *,
    reference: str,
    summary: str,
    anchors: Anchors | None = None,
) -> Task:
    return Task(
        name,
        SEQUENCE_MIXER,
        f"bench_sequence.tasks.{target}",
        metrics=(*((metrics,) if isinstance(metrics, str) else metrics), *_COSTS),
        datasets=(datasets,) if isinstance(datasets, str) else datasets,
        requires=requires,
        recipe=RECIPE,
        reference=reference,
        summary=summary,
        anchors=anchors,
    )
