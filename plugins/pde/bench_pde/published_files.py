"""The files of published data sets. Imports no array library, so that a manifest can name them.

Digests of PDEBench's and FNO's files are not at hand, so they go by their names; those of the library's small Darcy
data are of the arrays of its release as .npz.
"""

from harness import File


def _one(name: str, size: int = 0) -> tuple[tuple[File, ...], ...]:
    return ((File(name, size=size),),)


PDEBENCH = {
    "pdebench-advection": "1D_Advection_Sols_beta0.1.hdf5",
    "pdebench-burgers": "1D_Burgers_Sols_Nu0.001.hdf5",
    "pdebench-reaction-diffusion": "ReacDiff_Nu0.5_Rho1.0.hdf5",
    "pdebench-diffusion-sorption": "1D_diff-sorp_NA_NA.h5",
    "pdebench-diffusion-reaction": "2D_diff-react_NA_NA.h5",
    "pdebench-dam-break": "2D_rdb_NA_NA.h5",
    "pdebench-compressible-flow": "2D_CFD_Rand_M0.1_Eta0.01_Zeta0.01_periodic_128_Train.hdf5",
}
GROUPED = {"pdebench-diffusion-sorption", "pdebench-diffusion-reaction", "pdebench-dam-break"}
SOURCES = {
    **{name: _one(file) for name, file in PDEBENCH.items()},
    "pdebench-darcy": _one("2D_DarcyFlow_beta1.0_Train.hdf5"),
    "fno-burgers": _one("burgers_data_R10.mat"),
    "fno-darcy": ((File("piececonst_r421_N1024_smooth1.mat"), File("piececonst_r421_N1024_smooth2.mat")),),
    "fno-navier-stokes": _one("NavierStokes_V1e-3_N5000_T50.mat"),
    "neuraloperator-darcy": (
        (
            File("darcy_train_16.npz", "9d2807c436e838ace0207e3e6c7e3e98a1b1c7a991069031167a1c2f422724d8", size=958354),
            File("darcy_test_16.npz", "27ab4805a5bb52fbb58613fcfd35d73835a6980b2f9cbd04e3bea6bff25972e1", size=48810),
        ),
    ),
}
