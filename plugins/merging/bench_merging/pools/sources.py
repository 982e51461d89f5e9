"""The raw files of the pools of real images. Imports no array library, so that the manifest can name them.

EMNIST Letters (Cohen, Afshar, Tapson & van Schaik 2017) comes in an archive of NIST; these are the files in it. MNIST
comes in two forms, of the same images. CIFAR-10 is here as it is after JPEG compression with quality 75.
"""

from harness import File

_URL = "https://storage.googleapis.com/cvdf-datasets/mnist"
_MNIST = tuple(
    File(name, sha256, f"{_URL}/{name}", size)
    for name, sha256, size in (
        ("train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9912422),
        ("train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28881),
        ("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1648877),
        ("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542),
    )
)
_MNIST_AGAIN = tuple(  # compressed by another program
    File(name, sha256, size=size)
    for name, sha256, size in (
        ("train-images-idx3-ubyte.gz", "71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64", 9630610),
        ("train-labels-idx1-ubyte.gz", "fe03b8bd7915f70bf5aa08be480aa413fbd85afcaa58b35d230d335f284fd88e", 28878),
        ("t10k-images-idx3-ubyte.gz", "5634745efa576a17e7d4cf5cd9d09123c75e6538e5114267c2d156edaf519341", 1602050),
        ("t10k-labels-idx1-ubyte.gz", "ae18e77e031ccde52407f794d123116439864147d33ac992975f85dd4dc42af6", 4517),
    )
)
_LETTERS = tuple(
    File(f"emnist-letters-{name}-ubyte.gz", sha256, size=size)
    for name, sha256, size in (
        ("train-images-idx3", "51703361018e0a50877d0f0f992641f5b8c6effb8564e92ef9e3f5ebdbd0ba2d", 30804825),
        ("train-labels-idx1", "43689fa33b4ef81eaf5e08a6a268587ce834f68812eb3307111d713df7aa9d08", 79244),
        ("test-images-idx3", "7908be987cf0d85527a5e89757bacb78b87e5168ee196f06c4611618c55c20cf", 5039119),
        ("test-labels-idx1", "a6c8bb524012cc2940506357e8bfd1f3f1ebdfad76de09facd8d844700411902", 106),
    )
)
_CIFAR10_JPEG = (
    File("train.npz", "e4887c5b2b0c9bf78e77f21c95f567431aa92a424e519ad46f6d8ca717a5ecdb", size=15346877),
    File("test.npz", "c3998df90107ff211c53ff637f6991061da629025ca252002a3c58dd841cd5e7", size=3071643),
)

HANDWRITING = ((*_MNIST, *_LETTERS), (*_MNIST_AGAIN, *_LETTERS))
IMAGES = tuple((*form, *_CIFAR10_JPEG) for form in HANDWRITING)
