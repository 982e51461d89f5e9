"""The tasks of sequence mixers by name, with what each measures. Imports no torch."""

from collections.abc import Iterator, Sequence

from bench_sequence.family import SEQUENCE_MIXER
from bench_sequence.hyperparameters import RECIPE
from harness import SCALING_METRICS, SPEED_METRICS, Anchors, Task

_ARENA = "Tay et al. 2020, arXiv:2011.04006"
_HALF_RATE = "Romero et al. 2022, arXiv:2102.02611; Gu, Goel, Ré 2022, arXiv:2111.00396"
_COSTS = ("parameters", "seconds_per_step", "peak_memory")
_RATIOS = (*SPEED_METRICS, "parameters", "parameters_total", "parameter_bytes", "peak_memory")


def tasks() -> Iterator[Task]:
    """Yield the tasks, by what is asked."""
    yield from _recall()
    yield from _numbers()
    yield from _arena()
    yield from _images_and_sounds()
    yield from _speed()


def _recall() -> Iterator[Task]:
    yield _task(
        "copying",
        "recall:Copying",
        "causal",
        anchors=_guessing(8, "eight"),
        reference="Arjovsky, Shah, Bengio 2016, arXiv:1511.06464",
        summary="name the symbols at the beginning of a sequence after many blanks",
    )
    yield _task(
        "selective-copying",
        "recall:SelectiveCopying",
        "causal",
        datasets=("copying",),
        anchors=_guessing(14, "fourteen"),
        reference="Gu, Dao 2023, arXiv:2312.00752",
        summary="name the symbols at random places of a sequence, in order",
    )
    yield _task(
        "induction-heads",
        "recall:InductionHeads",
        "causal",
        anchors=_guessing(19, "nineteen"),
        reference="Olsson et al. 2022, arXiv:2209.11895; Fu et al. 2023, arXiv:2212.14052",
        summary="name the token that followed the special token before",
    )
    yield _task(
        "associative-recall",
        "recall:AssociativeRecall",
        "causal",
        datasets=("mqar",),
        reference="Arora et al. 2023, arXiv:2312.04927",
        summary="answer each key with its value, many keys in a sequence (MQAR)",
    )


def _numbers() -> Iterator[Task]:
    yield _task(
        "delay",
        "delay:Delay",
        "causal",
        metrics=("mse",),
        anchors=Anchors(chance=1.0, reference=0.0, source="a constant output; an exact copy"),
        reference="Gu, Johnson, Timalsina, Rudra, Ré 2023, arXiv:2206.12037",
        summary="reproduce a continuous signal some steps later",
    )
    yield _task(
        "adding",
        "adding:Adding",
        "causal",
        metrics=("mse",),
        anchors=Anchors(chance=0.1667, reference=0.0, source="always 1; no error"),
        reference="Hochreiter, Schmidhuber 1997; Arjovsky, Shah, Bengio 2016, arXiv:1511.06464",
        summary="add the two numbers that are marked",
    )
    yield _task(
        "autoregressive",
        "autoregressive:AutoregressiveProcess",
        "causal",
        metrics=("mse", "least_mse"),
        reference="Zhang et al. 2023, arXiv:2303.09489",
        summary="predict an autoregressive process, one step or a horizon ahead",
    )
    bounds = ("bayes_last_mse", "bayes_mse", "gradient_last_mse", "newton_last_mse", "nearest_last_mse")
    yield _task(
        "in-context-regression",
        "in_context:InContextRegression",
        "causal",
        metrics=("last_mse", "mse", *bounds),
        anchors=Anchors(chance=1.0, reference=0.0, source="always 0; no error"),
        reference="Garg et al. 2022, arXiv:2208.01066; Akyürek et al. 2023, arXiv:2211.15661",
        summary="linear regression from the examples in the sequence itself",
    )
    yield _task(
        "forecasting",
        "forecasting:Forecasting",
        "bidirectional",
        metrics=("mse", "mae", "repeated_mse", "seasonal_mse", "linear_mse"),
        datasets=("etth1", "etth2", "ettm1", "ettm2", "exchange", "illness"),
        reference="Zhou et al. 2021, arXiv:2012.07436; Wu et al. 2021, arXiv:2106.13008",
        summary="the next rows of electricity transformers, exchange rates or illness",
    )


def _arena() -> Iterator[Task]:
    yield _task(
        "listops",
        "listops:ListOps",
        "bidirectional",
        metrics=("accuracy", "root_operator_accuracy"),
        anchors=_guessing(10, "ten"),
        reference=f"Nangia, Bowman 2018, arXiv:1804.06028; {_ARENA}",
        summary="evaluate nested list operations; short expressions by default",
    )
    yield _task(
        "text",
        "text:Text",
        "bidirectional",
        datasets=("imdb", "imdb-altered"),
        anchors=_guessing(2, "two"),
        reference=f"Maas et al. 2011; {_ARENA}",
        summary="is a film review positive, by its characters",
    )
    yield _task(
        "retrieval",
        "text:Retrieval",
        "bidirectional",
        datasets=("aan",),
        anchors=_guessing(2, "two"),
        reference=f"Radev et al. 2009; {_ARENA}",
        summary="does one of two papers cite the other, by their characters",
    )
    yield _task(
        "image",
        "images:Image",
        "bidirectional",
        datasets=("cifar10", "cifar10-jpeg"),
        anchors=_guessing(10, "ten"),
        reference=f"Krizhevsky 2009; {_ARENA}",
        summary="name what a grey CIFAR-10 image shows from its 1024 pixels",
    )
    yield _task(
        "pathfinder",
        "images:Pathfinder",
        "bidirectional",
        anchors=_guessing(2, "two"),
        reference=f"Linsley et al. 2018, arXiv:1805.08315; {_ARENA}",
        summary="are two marked ends of one contour; with size 128, Path-X",
    )


def _images_and_sounds() -> Iterator[Task]:
    ten = _guessing(10, "ten")
    yield _task(
        "digits",
        "digits:SequentialDigits",
        anchors=ten,
        reference="scikit-learn's copy of the UCI test set of handwritten digits, doi:10.24432/C50P49",
        summary="name a handwritten digit from its 64 pixels in reading order",
    )
    yield _task(
        "sequential-mnist",
        "images:SequentialMnist",
        "causal",
        datasets=("mnist",),
        anchors=ten,
        reference="LeCun et al. 1998; Le, Jaitly, Hinton 2015, arXiv:1504.00941",
        summary="name a handwritten digit from its 784 pixels, in order or permuted",
    )
    yield _task(
        "sequential-cifar",
        "images:SequentialCifar",
        "bidirectional",
        datasets=("cifar10", "cifar10-jpeg"),
        anchors=ten,
        reference="Krizhevsky 2009",
        summary="name what a CIFAR-10 image shows from its 1024 coloured pixels",
    )
    for name, target, reference, what in (
        ("spoken-digits", "SpokenDigits", "Jackson et al., doi:10.5281/zenodo.1342401", "digit from raw audio"),
        ("speech-commands", "SpeechCommands", "Warden 2018, arXiv:1804.03209", "word from a second of raw audio"),
    ):
        yield _task(
            name,
            f"speech:{target}",
            "bidirectional",
            anchors=ten,
            reference=reference,
            summary=f"name a spoken {what}",
        )
        yield _task(
            f"{name}-half-rate",
            f"speech:{target}AtHalfRate",
            "bidirectional",
            "rate",
            datasets=(name,),
            anchors=ten,
            reference=_HALF_RATE,
            summary=f"{name}, tested on every second sample by layers that are told the rate",
        )


def _speed() -> Iterator[Task]:
    for name, metrics, requires, summary in (
        ("speed", _RATIOS, (), "time of a training step and an inference call against a reference"),
        ("generation", _RATIOS, ("causal", "stepwise"), "time of generating positions one by one against a reference"),
        ("scaling", (*SCALING_METRICS, *_RATIOS), (), "how time and memory grow with the length"),
    ):
        yield Task(
            name,
            SEQUENCE_MIXER,
            f"bench_sequence.tasks.{name}:{name.capitalize()}",
            metrics=metrics,
            requires=frozenset(requires),
            against="transformer",
            alone=True,
            summary=summary,
        )


def _guessing(classes: int, word: str) -> Anchors:
    return Anchors(chance=round(1 / classes, 4), reference=1.0, source=f"one of {word} at random; no error")


def _task(
    name: str,
    target: str,
    *requires: str,
    anchors: Anchors | None = None,
    datasets: Sequence[str] = (),
    metrics: Sequence[str] = ("accuracy",),
    reference: str,
    summary: str,
) -> Task:
    """Return a task that a model is trained for; its data set has the task's name unless said otherwise."""
    return Task(
        name,
        SEQUENCE_MIXER,
        f"bench_sequence.tasks.{target}",
        metrics=(*metrics, *_COSTS),
        datasets=tuple(datasets or (name,)),
        requires=frozenset(requires),
        recipe=RECIPE,
        reference=reference,
        summary=summary,
        anchors=anchors,
    )
