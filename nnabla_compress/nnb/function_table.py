# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The functions of NNabla 1.39 as NNB files number them, with their arguments in file order.

An id stands for a function with a number of arguments: later API levels appended arguments, and the
function got another id each time. One entry holds the name, the ids (``1:5`` is an id with the
first five arguments only) and the arguments, each with its type: ``i`` int32, ``f`` float32, ``B``
one byte, ``I`` a list of int32.
"""

from __future__ import annotations

import re
from typing import Dict, NamedTuple, Tuple


class FunctionFormat(NamedTuple):
    """What an id stands for."""

    type_name: str
    arguments: Tuple[Tuple[str, str], ...]  # (name, type)


_TABLE = """
ACos 179
ACosh 182
ASin 178
ASinh 181
ATan 180
ATan2 241
ATanh 183
Abs 68
AbsoluteError 101
AdaptiveSeparableConvolution 278
Add2 31 inplace=B
AddN 281
AddScalar 37:1 312 val=f inplace=B
Affine 0 base_axis=i
AffineGrid 296 size=I align_corners=B
Arange 131 start=f stop=f step=f
Assign 248
AveragePooling 6:5 267 kernel=I stride=I ignore_border=B pad=I channel_last=B including_pad=B
BatchCholesky 347 upper=B
BatchDet 276
BatchInv 275
BatchLogdet 319
BatchMatmul 72 transpose_a=B transpose_b=B
BatchNormalization 22:4 326 axes=I decay_rate=f eps=f batch_stat=B no_scale=B no_bias=B
BcAdd2 32:0 307 inplace=B
BinaryConnectAffine 107:1 235 base_axis=i quantize_zero_to=f
BinaryConnectConvolution 108:5 233 base_axis=i pad=I stride=I dilation=I group=i
  quantize_zero_to=f
BinaryCrossEntropy 97
BinaryError 116
BinarySigmoid 105
BinaryTanh 106
BinaryWeightAffine 109:1 234 base_axis=i quantize_zero_to=f
BinaryWeightConvolution 110:5 232 base_axis=i pad=I stride=I dilation=I group=i quantize_zero_to=f
BitShift 356 direction=i
BoolFill 341 value=f
BoolGather 339
BoolScatter 340
Broadcast 79 shape=I
BroadcastTo 184 axis=i
CELU 20 alpha=f axis=i
CReLU 19 axis=i
CategoricalCrossEntropy 99 axis=i
Ceil 124
ClipGradByNorm 122 clip_norm=f axes=I
ClipGradByValue 121
Concatenate 74 axis=i
ConfusionMatrix 117 axis=i
Constant 67 val=f shape=I
Convolution 1:5 265 base_axis=i pad=I stride=I dilation=I group=i channel_last=B
Cos 174
Cosh 177
CumProd 332 axis=i exclusive=B reverse=B
CumSum 331 axis=i exclusive=B reverse=B
Deconvolution 3:5 279:6 292 base_axis=i pad=I stride=I dilation=I group=i channel_last=B
  output_padding=I
DeformableConvolution 329 base_axis=i pad=I stride=I dilation=I group=i deformable_group=i
  channel_last=B
DepthwiseConvolution 2 base_axis=i pad=I stride=I dilation=I multiplier=i
DepthwiseDeconvolution 4 base_axis=i pad=I stride=I dilation=I divisor=i
DequantizeLinear 294
Div2 35:0 310 inplace=B
Dropout 86 336 p=f seed=i
ELU 17 alpha=f
Einsum 359 equation=i
Embed 10
EpsilonInsensitiveLoss 103 epsilon=f
Equal 51
EqualScalar 60 val=f
Erf 349
Exp 69
EyeLike 354 k=i
FFT 158 signal_ndim=i normalized=B
FixedPointQuantize 113 sign=B n=i delta=f ste_fine_grained=B
Flip 81 axes=I
Floor 125
FusedBatchNormalization 270 axes=I decay_rate=f eps=f batch_stat=B nonlinearity=i
GELU 245
GRU 243 num_layers=i dropout=f bidirectional=B training=B
Gather 303 axis=i batch_dims=i
GatherNd 264
GlobalAveragePooling 7
Greater 54
GreaterEqual 53
GreaterEqualScalar 62 val=f
GreaterScalar 63 val=f
GroupNormalization 321 num_groups=i channel_axis=i batch_axis=I eps=f no_scale=B no_bias=B
HardSigmoid 249
HardTanh 261
HuberLoss 102 delta=f
IFFT 159 signal_ndim=i normalized=B
INQAffine 111 base_axis=i num_bits=i inq_iterations=I selection_algorithm=i seed=i
INQConvolution 112 base_axis=i pad=I stride=I dilation=I group=i num_bits=i inq_iterations=I
  selection_algorithm=i seed=i
ISTFT 328:5 345 window_size=i stride=i fft_size=i window_type=i center=B pad_mode=i
  as_stft_backward=B
Identity 71
ImageAugmentation 95 shape=I pad=I min_scale=f max_scale=f angle=f aspect_ratio=f distortion=f
  flip_lr=B flip_ud=B brightness=f brightness_each=B contrast=f contrast_center=f contrast_each=B
  noise=f seed=i
InstanceNormalization 322 channel_axis=i batch_axis=I eps=f no_scale=B no_bias=B
Interpolate 127:3 286:4 291 output_size=I mode=i align_corners=B half_pixel=B half_pixel_for_nn=B
  channel_last=B
IsInf 237
IsNaN 236
KLMultinomial 104 base_axis=i
LSTM 242 num_layers=i dropout=f bidirectional=B training=B
LayerNormalization 323 batch_axis=I eps=f no_scale=B no_bias=B
LeakyReLU 15:1 128 alpha=f inplace=B
Less 56
LessEqual 55
LessEqualScalar 64 val=f
LessScalar 65 val=f
Linspace 343 start=f stop=f num=i
Log 70
LogSigmoid 251
LogSoftmax 269 axis=i
LogicalAnd 48
LogicalAndScalar 57 val=B
LogicalNot 66
LogicalOr 49
LogicalOrScalar 58 val=B
LogicalXor 50
LogicalXorScalar 59 val=B
MatrixDiag 84
MatrixDiagPart 85
Max 26:2 132 axes=I keep_dims=B with_index=B only_index=B
MaxPooling 5:4 266 kernel=I stride=I ignore_border=B pad=I channel_last=B
MaxPoolingBackward 272 kernel=I stride=I ignore_border=B pad=I channel_last=B
Maximum2 45
MaximumScalar 47 val=f
Mean 25 axes=I keep_dims=B
MeanSubtraction 23 base_axis=i update_running_mean=B
Meshgrid 334 ij_indexing=B
Min 27:2 130 axes=I keep_dims=B with_index=B only_index=B
MinMaxQuantize 273:4 274 decay=f x_min_max=B ema=B ste_fine_grained=B eps=f
Minimum2 44
MinimumScalar 46 val=f
Mish 298
Mod2 355 fmod=B
Mul2 34:0 309 inplace=B
MulN 282
MulScalar 38:1 313 val=f inplace=B
NmsDetection2d 231 thresh=f nms=f nms_per_class=B
NonZero 351
Norm 318 p=f axes=I keep_dims=B
NormNormalization 317 p=f axes=I eps=f
NotEqual 52
NotEqualScalar 61 val=f
ONNXNonMaxSuppression 353 center_point_box=i max_output_boxes_per_class=i iou_threshold=f
  score_threshold=f
OneHot 80 shape=I
PReLU 21 base_axis=i
PackPaddedSequence 305 batch_first=B
Pad 123 pad_width=I mode=i constant_value=f
PadPackedSequence 306 batch_first=B padding_value=f total_length=i
PatchCorrelation 280 patch=I shift=I patch_step=I shift_step=I padding=I
Pow2 36:0 311 inplace=B
Pow2Quantize 114 sign=B with_zero=B n=i m=i ste_fine_grained=B
PowScalar 39:1 314 val=f inplace=B
Prod 28 axes=I keep_dims=B
Prune 135 rate=f
QuantizeLinear 293 round_mode=i narrow_range=B dtype=i
RDivScalar 41 val=f
RNN 244 num_layers=i nonlinearity=i dropout=f bidirectional=B training=B
RPowScalar 42 val=f
RSubScalar 40 val=f
Rand 89 low=f high=f shape=I seed=i
RandBeta 288 alpha=f beta=f shape=I seed=i
RandBinomial 289 n=i p=f shape=I seed=i
RandGamma 290 k=f theta=f shape=I seed=i
Randint 90 low=i high=i shape=I seed=i
Randn 91 mu=f sigma=f shape=I seed=i
RandomChoice 246 shape=I replace=B seed=i
RandomCrop 92 shape=I base_axis=i seed=i
RandomFlip 93 axes=I base_axis=i seed=i
RandomShift 320 shifts=I border_mode=i constant_value=f base_axis=i seed=i
ReLU 14 inplace=B
ReLU6 256
ReduceMean 30
ReduceSum 29
ResetInf 239 val=f
ResetNaN 238 val=f
Reshape 83:1 126 shape=I inplace=B
Round 73
SELU 18 scale=f alpha=f
STFT 327:6 344 window_size=i stride=i fft_size=i window_type=i center=B pad_mode=i
  as_istft_backward=B
ScatterAdd 315 axis=i
ScatterNd 271:1 342 shape=I add=B
SearchSorted 333 right=B
Shape 348 start=i end=i
Shift 82 shifts=I border_mode=i
Sigmoid 11
SigmoidCrossEntropy 96
Sign 43 alpha=f
Sin 173
Sinc 255
Sinh 176
Sink 120 one_input_grad=B
Slice 77 start=I stop=I step=I
SoftPlus 262:0 335 beta=f
SoftSign 253
Softmax 16 axis=i
SoftmaxCrossEntropy 98 axis=i
Sort 129 axis=i reverse=B with_index=B only_index=B
SpectralNorm 330:4 337 dim=i itr=i eps=f test=B output_u=B
Split 75 axis=i
SquaredError 100
Stack 76 axis=i
Sub2 33:0 308 inplace=B
Sum 24 axes=I keep_dims=B
SumPooling 8:4 268 kernel=I stride=I ignore_border=B pad=I channel_last=B
Swish 12
Tan 175
Tanh 13
TanhShrink 254
TensorNormalization 324 axes=I eps=f no_scale=B no_bias=B
Tile 247 reps=I
TopKData 87:4 350 k=i abs=B reduce=B base_axis=i largest=B with_index=B
TopKGrad 88 k=i abs=B base_axis=i
TopNError 115 axis=i n=i
Transpose 78 axes=I
Trilu 360 k=i upper=B
Unique 358 flatten=B axis=i sorted=B with_index=B with_inverse=B with_counts=B
Unlink 119
Unpooling 9:1 287 kernel=I channel_last=B
VATNoise 118 base_axis=i eps=f
WarpByFlow 277
WarpByGrid 297 mode=i padding_mode=i align_corners=B channel_last=B
WeightNormalization 304 dim=i eps=f
WeightStandardization 325 channel_axis=i eps=f
Where 240
"""


def _parse(table: str) -> Dict[int, FunctionFormat]:
    formats = {}
    for entry in re.split(r"\n(?! )", table.strip()):
        type_name, *words = entry.split()
        arguments = tuple(
            (name, kind) for name, _, kind in (word.partition("=") for word in words) if kind
        )
        for word in words:
            if "=" not in word:
                number, _, count = word.partition(":")
                kept = arguments[: int(count)] if count else arguments
                formats[int(number)] = FunctionFormat(type_name, kept)
    return formats


FUNCTIONS: Dict[int, FunctionFormat] = _parse(_TABLE)
"""Formats by function id."""
