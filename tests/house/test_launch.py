"""The launch files fit the schemas of the cluster and agree with the program."""

import copy
import os
import pathlib
import re
import subprocess

import kubernetes_validate
import pytest
import yaml

from emoji_gan.errors import EXIT_DIVERGED, EXIT_USER_ERROR

LAUNCH = pathlib.Path(__file__).parents[2] / "launch"
# Fields of jobset.x-k8s.io/v1alpha2 that the file may use; a Job's own are checked by Kubernetes'
# schema.
JOBSET = {"apiVersion", "kind", "metadata", "spec"}
SPEC = {"network", "failurePolicy", "replicatedJobs"}


def documents():
    return list(yaml.safe_load_all((LAUNCH / "k8s-jobset.yaml").read_text()))


def check_schemas(jobset, policy):
    """Raises unless Kubernetes accepts them; unknown fields are refused."""
    assert jobset["apiVersion"] == "jobset.x-k8s.io/v1alpha2" and jobset["kind"] == "JobSet"
    assert jobset.keys() == JOBSET and jobset["spec"].keys() == SPEC
    (replicated,) = jobset["spec"]["replicatedJobs"]
    assert replicated.keys() == {"name", "replicas", "template"}
    assert replicated["template"].keys() == {"spec"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": replicated["name"]}}
    for document in (job | replicated["template"], policy):
        kubernetes_validate.validate(document, "1.34", strict=True)


def test_the_manifest_fits_the_schemas():
    check_schemas(*documents())


@pytest.mark.parametrize(
    ("where", "value"),
    [(("completions",), "two"), (("template", "spec", "containers", 0, "imagee"), "x")],
)
def test_a_wrong_manifest_does_not(where, value):
    jobset, policy = copy.deepcopy(documents())
    holder = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
    for key in where[:-1]:
        holder = holder[key]
    holder[where[-1]] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        check_schemas(jobset, policy)


def test_the_manifest_agrees_with_itself_and_the_program():
    jobset, policy = documents()
    name = jobset["metadata"]["name"]
    job = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    env = {x["name"]: x["value"] for x in container["env"]}
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"] == int(env["JAX_NUM_PROCESSES"])
    worker = jobset["spec"]["replicatedJobs"][0]["name"]
    port = container["ports"][0]["containerPort"]
    assert env["JAX_COORDINATOR_ADDRESS"] == f"{name}-{worker}-0-0.{name}:{port}"
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["values"] == [EXIT_USER_ERROR, EXIT_DIVERGED]
    assert rule["onExitCodes"]["containerName"] == container["name"]
    assert jobset["spec"]["failurePolicy"]["rules"][0]["onJobFailureReasons"] == [
        "PodFailurePolicy"
    ]
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert pod["automountServiceAccountToken"] is False
    labels = {"jobset.sigs.k8s.io/jobset-name": name}
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert policy["spec"]["ingress"] == [{"from": [{"podSelector": {"matchLabels": labels}}]}]


def test_the_image_takes_all_that_the_program_imports():
    lines = (LAUNCH / "Dockerfile").read_text()
    copied = {p for line in re.findall(r"^COPY (.*) \S+$", lines, re.M) for p in line.split()}
    root = LAUNCH.parent
    assert all((root / p).exists() for p in copied)
    packages = {p.parent.name for p in root.glob("*/__init__.py")}
    packages -= {"tests", "benchmarks", "explore"}  # a job trains; nobody looks at a page of it
    assert packages <= copied and "main.py" in copied


def test_bounds_of_jax_stand_in_requirements_only():
    """A command that installs jax for an accelerator names requirements.txt, not its bounds."""
    root = LAUNCH.parent
    pages = [
        p for p in (*LAUNCH.iterdir(), root / "README.md", root / "README.fr.md") if p.is_file()
    ]
    for path in (*pages, root / "requirements.txt"):
        text = path.read_text(encoding="utf-8")
        for line in re.findall(r".*pip install.*jax(?:\[|\$).*", text):
            assert "-r requirements.txt" in line, (path.name, line)
            assert not re.search(r"jax[^ ]*[<>=]\d", line), (path.name, line)


@pytest.mark.parametrize(
    "script", sorted(p.name for p in LAUNCH.iterdir() if p.suffix in (".sh", ".sbatch"))
)
def test_scripts_parse(script):
    subprocess.run(["bash", "-n", LAUNCH / script], check=True)


@pytest.mark.parametrize("arguments", [[], ["x"], ["0", "--config=a"]])
def test_local_sh_says_how_it_is_used(arguments):
    done = subprocess.run(
        [LAUNCH / "local.sh", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stderr.startswith("usage: launch/local.sh PROCESSES ")


@pytest.mark.parametrize(
    ("code", "state", "restarts", "again"),
    [
        (0, "RUNNING", 0, False),
        (2, "RUNNING", 0, False),
        (3, "RUNNING", 0, False),
        (75, "RUNNING", 99, True),
        (137, "RUNNING", 49, True),
        (137, "RUNNING", 50, False),
        (75, "CANCELLED", 0, False),
    ],
)
def test_slurm_requeues_what_another_try_can_help(tmp_path, code, state, restarts, again):
    """Runs the shipped file with stand-ins for srun and scontrol; test_slurm.sh has the real."""
    programs = {
        "srun": f'echo "$@" >{tmp_path}/srun\nexit {code}',
        "scontrol": f'echo "$@" >>{tmp_path}/scontrol\n'
        f'[ $1 = requeue ] || echo "A=7 JobState={state} B=c"',
        "sleep": "",
    }
    for name, text in programs.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    env = os.environ | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SLURM_JOB_ID": "7",
        "SLURM_RESTART_COUNT": str(restarts),
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "PYTHON": "py",
    }
    done = subprocess.run(["bash", LAUNCH / "slurm.sbatch", "--config=a b"], env=env, check=False)
    assert done.returncode == code
    assert (tmp_path / "srun").read_text().endswith(" py main.py --config=a b\n")
    assert ("requeue 7" in (tmp_path / "scontrol").read_text()) == again


def test_tpu_vm_sh_runs_the_same_command_on_every_host(tmp_path):
    command = [
        LAUNCH / "tpu_vm.sh",
        "slice",
        "zone",
        "--config=a.py",
        "--config.data.groups=('Food & Drink',)",
    ]
    env = os.environ | {"DRY_RUN": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    copy_line, run = done.stdout.splitlines()
    assert copy_line.startswith("gcloud compute tpus tpu-vm scp ")
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {run}"], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    assert words[:6] == ["gcloud", "compute", "tpus", "tpu-vm", "ssh", "slice"]
    assert "--worker=all" in words
    script = words[-2].removeprefix("--command=").replace("exec .venv/bin/python", "printf '%s\\n'")
    last = script.splitlines()[-1].strip()
    printed = subprocess.run(
        ["bash", "-c", last], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines() == [
        "main.py",
        "--config=a.py",
        "--config.data.groups=('Food & Drink',)",
    ]
