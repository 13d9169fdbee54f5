"""What only a GPU can show: cuDNN's GRU, half precision, memory. Skipped where there is none."""

import os
import shutil
import subprocess

import pytest
from processes import answer_of

SIZES = {"embedding_dim": 64, "encoder_units": 64, "decoder_units": 128, "attention_units": 64}
SIZES |= {"readout_units": 64}


def _gpus() -> int:
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or not shutil.which("nvidia-smi"):
        return 0
    done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True)
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())


GPUS = _gpus()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(GPUS == 0, reason="no GPU here (nvidia-smi, CUDA_VISIBLE_DEVICES)"),
]

# One training on the devices that are asked for: sixty batches of sentences of several lengths.
TRAINING = """
    import json, sys
    import nmt.model
    import keras, numpy as np, tensorflow as tf
    from nmt.training.strategy import Replicas, set_up_devices
    case = json.loads(sys.argv[1])
    gpu, devices = case["gpu"], case["devices"]
    set_up_devices(4, devices, gpu)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import ModelSettings
    from nmt.shards.batches import Batch, fill_up
    from nmt.training.optimizer import SummedAdam
    from nmt.training.step import dtype_policy, make_train_step

    random = np.random.default_rng(1)
    def batch():
        arrays = np.zeros((3, 30, 20), np.int32)
        for row in range(30):
            source, target = (random.integers(4, 200, random.integers(1, 20)) for _ in range(2))
            arrays[0, row, : len(source) + 1] = [*source, 3]
            arrays[1, row, : len(target) + 1] = [2, *target]
            arrays[2, row, : len(target) + 1] = [*target, 3]
        return fill_up(Batch(*arrays), 33)
    batches = [batch() for _ in range(12)]

    keras.utils.set_random_seed(3)
    replicas = Replicas(devices=devices, use_gpu=gpu)
    with replicas.strategy.scope():
        policy = dtype_policy(case["precision"])
        model = Seq2Seq(ModelSettings.model_validate(case["sizes"]), 200, 200, dtype=policy)
        optimizer = SummedAdam(0.005)
        optimizer.build(model.trainable_variables)
    step = make_train_step(model, optimizer, replicas, 1.0)
    scaled = case["precision"] == "float16"
    if scaled:
        step.loss_scale.assign(64.0)
    told = [step([batches[i % 12]], (1, i)) for i in range(60)]
    names = set()
    if gpu and devices == 1:
        graph = tf.function(lambda s, t: model(s, t)).get_concrete_function(
            tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.int32)).graph
        definition = graph.as_graph_def()
        bodies = [definition.node, *(f.node_def for f in definition.library.function)]
        names = {node.op for nodes in bodies for node in nodes}
    overflowed = False
    if scaled:
        step.loss_scale.assign(2.0**40)
        overflowed = step([batches[0]], (1, 60)).skipped
    memory = tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpu else 0
    print(json.dumps({
        "losses": [o.loss / o.tokens for o in told],
        "cudnn": "CudnnRNNV3" in names,
        "overflowed": overflowed,
        "gigabytes": memory / 1e9,
    }))
"""


def trained(gpu: bool = True, devices: int = 1, precision: str = "float32") -> dict:
    case = {"gpu": gpu, "devices": devices, "precision": precision, "sizes": SIZES}
    return answer_of(TRAINING, case)


def test_a_gpu_trains_as_a_cpu_does_with_cudnns_gru() -> None:
    on_gpu, on_cpu = trained(), trained(gpu=False)
    assert on_gpu["cudnn"]
    assert on_gpu["losses"] == pytest.approx(on_cpu["losses"], rel=1e-2)
    assert on_gpu["gigabytes"] < 2  # what is asked for, not all there is


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_on_a_gpu(precision) -> None:
    exact, half = trained(), trained(precision=precision)
    assert half["losses"][-1] == pytest.approx(exact["losses"][-1], rel=0.1)
    assert half["losses"][-1] < 0.8 * half["losses"][0]
    assert half["overflowed"] == (precision == "float16")


@pytest.mark.skipif(GPUS < 2, reason="fewer than two GPUs here")
def test_two_gpus_train_as_one_does() -> None:
    one, two = trained(), trained(devices=2)
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-3)
