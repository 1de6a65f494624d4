#!/usr/bin/env bash
# one-node.sh FOLDER: a SLURM of one node on this machine, all of it below FOLDER, for tests. The node
# has eight GPUs that are none. Needs Debian's slurm-wlm and munge, and root; ports 16817 and 16818.
# To end it: kill the processes whose ids are in FOLDER/slurmctld.pid, FOLDER/slurmd.pid and
# /run/munge/munged.pid.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd); host=$(hostname -s)
mkdir -p "$folder/spool" "$folder/state" "$folder/log"
if ! munge -n 2>/dev/null | unmunge >/dev/null 2>&1; then
    mkdir -p /run/munge && chown munge:munge /run/munge && chmod 755 /run/munge
    su -s /bin/sh munge -c '/usr/sbin/munged --force'
fi
cat >"$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmdSpoolDir=$folder/spool
StateSaveLocation=$folder/state
SlurmUser=root
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait=10
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) Gres=gpu:8 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
CONF
for number in $(seq 0 7); do mknod "$folder/gpu$number" c 1 3; done  # like /dev/null
echo "Name=gpu File=$folder/gpu[0-7]" >"$folder/gres.conf"
export SLURM_CONF=$folder/slurm.conf
slurmctld && slurmd
for _ in $(seq 50); do sinfo -h -o %T 2>/dev/null | grep -qx idle && break; sleep 0.2; done
sinfo -h -o %T | grep -qx idle || { echo "the node did not become idle; see $folder/log" >&2; exit 1; }
echo "SLURM_CONF=$SLURM_CONF"
