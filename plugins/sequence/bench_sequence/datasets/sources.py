"""Where the raw files of the data sets come from. Imports no array library, so that a manifest can name them.

The first form of each is the official one. Further forms hold the same data in other files, which can be imported.
"""

from harness import File

_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist"
_ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small"

IMDB = (
    (
        File(
            "aclImdb_v1.tar.gz",
            "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            84125825,
        ),
    ),
)
IMDB_ALTERED = (
    (
        File("train.jsonl.xz", "2fd2ed2e25d9582a4424b7f2ab50c70c4ad0e8bf5b51f683e49eb7db724ce1a1", size=9097724),
        File("test.jsonl.xz", "2e3cdd8f929eb4080b4f8a582ae429416fec561ab126db6c6fcf8511fcf3da12", size=8861340),
    ),
)
AAN = ((File("new_aan_pairs.train.tsv"), File("new_aan_pairs.eval.tsv"), File("new_aan_pairs.test.tsv")),)
CIFAR10 = (
    (
        File(
            "cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            170052171,
        ),
    ),
)
CIFAR10_JPEG = (
    (
        File("train.npz", "e4887c5b2b0c9bf78e77f21c95f567431aa92a424e519ad46f6d8ca717a5ecdb", size=15346877),
        File("test.npz", "c3998df90107ff211c53ff637f6991061da629025ca252002a3c58dd841cd5e7", size=3071643),
    ),
)
MNIST = (
    tuple(
        File(name, sha256, f"{_MNIST}/{name}", size)
        for name, sha256, size in (
            ("train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9912422),
            ("train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28881),
            ("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1648877),
            ("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542),
        )
    ),
    tuple(
        File(name, sha256, size=size)
        for name, sha256, size in (
            ("train-images-idx3-ubyte.gz", "71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64", 9630610),
            ("train-labels-idx1-ubyte.gz", "fe03b8bd7915f70bf5aa08be480aa413fbd85afcaa58b35d230d335f284fd88e", 28878),
            ("t10k-images-idx3-ubyte.gz", "5634745efa576a17e7d4cf5cd9d09123c75e6538e5114267c2d156edaf519341", 1602050),
            ("t10k-labels-idx1-ubyte.gz", "ae18e77e031ccde52407f794d123116439864147d33ac992975f85dd4dc42af6", 4517),
        )
    ),
)
SPOKEN_DIGITS = (
    (File("recordings.zip", "ed5b56cb585cb83a73af63127e04b4e57bf58ffa5d7603e91ac52996b8118836", size=16095380),),
)
SPEECH_COMMANDS = (
    (
        File(
            "speech_commands_v0.02.tar.gz",
            "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
            "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
            2428923189,
        ),
    ),
)
ETTH1 = (
    (
        File(
            "ETTh1.csv",
            "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
            f"{_ETT}/ETTh1.csv",
            2589657,
        ),
    ),
)
ETTH2 = (
    (
        File(
            "ETTh2.csv",
            "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b",
            f"{_ETT}/ETTh2.csv",
            2417960,
        ),
    ),
)
ETTM1 = ((File("ETTm1.csv"),),)
ETTM2 = ((File("ETTm2.csv"),),)
EXCHANGE = (
    (
        File(
            "exchange_rate.txt.gz",
            "6a4fbb561dcdee43f071a83badbeec9223a335552278348656738b556f1c2e9d",
            "https://raw.githubusercontent.com/laiguokun/multivariate-time-series-data/"
            "7f402f185cc2435b5e66aed13a3b560ed142e023/exchange_rate/exchange_rate.txt.gz",
            177142,
        ),
    ),
)
ILLNESS = (
    (File("national_illness.csv", "8594cecb98c6f2f9dc014eca11c4d5d1e38ad5ce6ed0592d4abe65b146fce395", size=66653),),
)
