import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

from explorer.measure.layers import Layers, module_path


def model(weights, nodes):
    """A graph that is never run: names of weights and (name, type, inputs, output) of nodes."""
    initializers = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()]
    made = [helper.make_node(kind, inputs, [output], name=name) for name, kind, inputs, output in nodes]
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, None)
    graph = helper.make_graph(made, "g", [given], [given], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


BERT = {
    "bert.embeddings.word_embeddings.weight": (5, 2),
    "bert.encoder.layer.0.attention.self.query.weight": (2, 2),
    "bert.encoder.layer.0.output.dense.weight": (2, 2),
    "bert.encoder.layer.1.output.dense.weight": (2, 2),
    "bert.pooler.dense.weight": (2, 2),
    "classifier.weight": (2, 3),
}


def read(weights):
    """A graph in which each weight is read by a node that has no path."""
    return model(weights, [(f"n{i}", "MatMul", ["pixels", name], f"o{i}") for i, name in enumerate(weights)])


@pytest.fixture
def bert():
    return Layers(read(BERT))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/model/bert/encoder/layer.0/output/dense/MatMul", ["bert", "encoder", "layer", "0", "output", "dense"]),
        ("/model/bert/Cast", ["bert"]),
        ("/model/Gather", []),
        ("fused /model/bert/pooler/dense/Gemm", ["bert", "pooler", "dense"]),
        ("/model/a/stages.0/layer/layer.1/Conv_output_0_nchwc", ["a", "stages", "0", "layer", "1"]),
        ("bert.pooler.dense.weight_quantized", ["bert", "pooler", "dense"]),
        ("BiasGelu_token_5", None),
        ("onnx::MatMul_12", None),
    ],
)
def test_module_paths(name, path):
    assert module_path(name) == path


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("/model/bert/embeddings/word_embeddings/Gather", "embeddings"),
        ("/model/bert/encoder/layer.1/attention/self/MatMul/MatMulScaleFusion/", "encoder.layer.1"),
        ("/model/bert/encoder/layer.1/Add", "encoder.layer.1"),
        ("/model/bert/Cast", "other"),
        ("/model/classifier/Gemm", "classifier"),
        ("Gelu_token_0", "other"),
    ],
)
def test_layers_of_nodes(bert, name, layer):
    assert bert.of_node(name) == layer


def test_a_numbered_head_is_one_layer_and_a_numbered_block_with_parts_is_its_own():
    weights = {
        "vit.layers.0.mlp.fc1.weight": (2, 2),
        "vit.layers.1.mlp.fc1.weight": (2, 2),
        "classifier.1.weight": (2, 2),
    }
    layers = Layers(read(weights))
    assert layers.of_node("/model/vit/layers.1/Add") == "layers.1"
    assert layers.of_node("/model/classifier/classifier.0/Flatten") == "classifier"
    assert layers.of_tensor("classifier.1.weight") == "classifier"


def test_without_a_name_of_the_model_nothing_is_cut_off():
    layers = Layers(read({"features.0.weight": (2, 2), "features.2.weight": (2, 2), "head.weight": (2, 2)}))
    assert layers.of_tensor("head.weight") == "head"
    assert layers.of_tensor("features.2.weight") == "features"


def test_a_fused_operator_belongs_where_its_output_its_weight_or_its_input_does():
    nodes = [
        ("BiasGelu", "Gelu", ["pixels"], "/model/bert/encoder/layer.1/intermediate/act/Mul_1_output_0"),
        (
            "Attention",
            "MatMul",
            ["/model/bert/embeddings/Add_output_0", "bert.encoder.layer.0.output.dense.weight"],
            "a",
        ),
        ("Reorder", "Relu", ["/model/bert/embeddings/Add_output_0"], "b"),
        ("Lost", "Relu", ["pixels"], "c"),
    ]
    layers = Layers(read(BERT), model({}, nodes))
    found = {name: layers.of_node(name) for name, *_ in nodes}
    assert found == {
        "BiasGelu": "encoder.layer.1",
        "Attention": "encoder.layer.0",
        "Reorder": "embeddings",
        "Lost": "other",
    }


def test_scales_and_zero_points_belong_to_the_layer_of_their_weights():
    weights = read(
        {"bert.encoder.layer.0.output.dense.weight": (64, 64), "bert.encoder.layer.1.output.dense.weight": (2, 2)}
    )
    quantizer = MatMulNBitsQuantizer(weights, bits=4, block_size=32, is_symmetric=False)
    quantizer.process()
    graph = quantizer.model.model.graph
    found = Layers(quantizer.model.model).stored_bytes()
    assert found["encoder.layer.0"] == 64 * 64 // 2 + 128 * 4 + 64, "a scale and half a byte for each of 128 blocks"
    assert sum(found.values()) == sum(numpy_helper.to_array(tensor).nbytes for tensor in graph.initializer)


def test_bytes_by_layer_sum_to_the_bytes_of_all_weights():
    merged = BERT | {"Attention_1_qkv_weight": (2, 6)}
    node = ("Attention_1", "MatMul", ["pixels", "Attention_1_qkv_weight"], "/model/bert/encoder/layer.1/x/Add")
    weights = model(merged, [*[("", "MatMul", ["pixels", name], f"o{i}") for i, name in enumerate(BERT)], node])
    found = Layers(weights).stored_bytes()
    assert found == {
        "embeddings": 40,
        "encoder.layer.0": 32,
        "encoder.layer.1": 16 + 48,
        "pooler": 16,
        "classifier": 24,
    }
    assert sum(found.values()) == sum(4 * np.prod(shape) for shape in merged.values())
