"""The raw files of images."""

from harness import File

PHOTOGRAPHS = (
    (
        File(
            "cifar10_batch_50.png",
            "5cea9e8fb7933540a2236a4bb25c1ed3a8447f345c55ae659143a95a5d8dac5e",
            "https://raw.githubusercontent.com/PeterJensen/cnn/7246f8d20604aeff3d31080f28cb124a6171e6bd/"
            "demo/cifar10/cifar10_batch_50.png",
            2315890,
        ),
    ),
)
