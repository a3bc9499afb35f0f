"""Convert on a SLURM cluster: dask-jobqueue starts the workers, gemax sends them the scans.

pip install gemax-cli[dask] dask-jobqueue
python dask_slurm.py RAW OUT [JOBS]
"""

import sys

from dask_jobqueue import SLURMCluster

import gemax_cli as gemax

raw, out, *jobs = sys.argv[1:]
with SLURMCluster(cores=8, processes=8, memory="4GB", walltime="02:00:00") as cluster:
    cluster.scale(jobs=int(jobs[0]) if jobs else 4)
    options = gemax.RunOptions(dask=cluster.scheduler_address)
    summary = gemax.convert(raw, out, options=options)
print(f"{summary.converted} converted, {summary.done} there already, {len(summary.failures)} failed")
