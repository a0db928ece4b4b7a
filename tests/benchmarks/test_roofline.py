"""Collectives read from recorded HLO, and the arithmetic of the roofline."""

import pytest

from benchmarks.scale import roofline
from benchmarks.scale.roofline import Collective

# Lines as libtpu 0.0.42 prints them, shortened.
_TUPLE = """
  %fusion.1 = f32[8,8]{1,0:T(8,128)} fusion(%all-reduce.200), kind=kLoop, calls=%fused_computation
  %all-reduce.200 = (f32[8]{0:T(128)S(1)}, f32[8,8]{1,0:T(8,128)S(1)},\
 /*index=2*/bf16[3,3,8,8]{2,3,1,0}, f32[]{:T(128)}) all-reduce(%a, %b, %c, %d),\
 channel_id=1, replica_groups={{0,1,2,3}}, to_apply=%add
  %get-tuple-element.2 = f32[8]{0:T(128)} get-tuple-element(%all-reduce.200), index=0
  ROOT %all-reduce.201 = f32[2,4]{1,0} all-reduce(%e), channel_id=2,\
 replica_groups={{0,1,2,3}}, to_apply=%add
"""
_ASYNC = """
  %all-reduce-start.1 = f32[1024]{0} all-reduce-start(%p),\
 replica_groups=[2,16]<=[32], to_apply=%add
  %all-reduce-done.1 = f32[1024]{0} all-reduce-done(f32[1024]{0} %all-reduce-start.1)
  %all-gather-start.2 = (bf16[4,8]{1,0}, bf16[64,8]{1,0}) all-gather-start(%q),\
 replica_groups=[2,16]<=[32]
  %all-gather-done.2 = bf16[64,8]{1,0} all-gather-done(%all-gather-start.2)
  %collective-permute-start.3 = (s8[5]{0}, s8[5]{0}, u32[], u32[]) collective-permute-start(%r),\
 channel_id=9
  %reduce-scatter.4 = pred[6]{0} reduce-scatter(%s),\
 replica_groups=[16,2]<=[2,16]T(1,0), to_apply=%or
"""
_SLICES = """
  %send.1 = (f32[19,8,128]{2,1,0:T(8,128)}, u32[], token[]) send(%x, %after-all.1), channel_id=4,\
 is_host_transfer=true, frontend_attributes={_xla_megascale_transfer_type="ALL_REDUCE"}
  %send-done.1 = token[] send-done(%send.1), channel_id=4, is_host_transfer=true
  %send.2 = (f32[7]{0}, u32[], token[]) send(%y, %after-all.2), channel_id=6, is_host_transfer=true
"""


def test_what_goes_to_other_slices_is_found_among_transfers_to_the_host():
    assert roofline.collectives(_SLICES) == [
        Collective(roofline.BETWEEN_SLICES, None, 1, {"f32": 19 * 8 * 128 * 4})
    ]


def test_collectives_of_a_tuple_count_once_with_all_their_bytes():
    (reduce,) = roofline.collectives(_TUPLE)
    assert reduce == Collective(
        "all-reduce", 4, 2, {"f32": (8 + 64 + 1 + 8) * 4, "bf16": 3 * 3 * 8 * 8 * 2}
    )


def test_asynchronous_collectives_count_once_and_by_their_results():
    assert roofline.collectives(_ASYNC) == [
        Collective("all-reduce", 16, 1, {"f32": 4096}),
        Collective("all-gather", 16, 1, {"bf16": 64 * 8 * 2}),
        Collective("collective-permute", None, 1, {"s8": 5}),
        Collective("reduce-scatter", 2, 1, {"pred": 6}),
    ]


def test_a_program_without_collectives_has_none():
    assert roofline.collectives("  %add.1 = f32[8]{0} add(%all-reduce.1, %b)") == []


_CHIP = roofline.Chip(hbm_gib=16, flops=100.0, hbm=10.0, ici=8.0, dcn=0.5, dims=2, slice_chips=256)


def test_the_greater_of_compute_and_memory_then_links():
    reduce = Collective("all-reduce", 4, 1, {"f32": 16})
    r = roofline.roofline(
        _CHIP, flops=200.0, bytes_accessed=50.0, communication=[reduce], slice_devices=4
    )
    assert (r.compute, r.memory) == (2.0, 5.0)
    assert r.links == 2 * 16 * (3 / 4) / 8.0  # twice around, all but one of four parts each time
    assert r.total == 5.0 + r.links


def test_one_device_passes_nothing_on():
    alone = [Collective("all-reduce", None, 1, {"f32": 16})]
    assert roofline.roofline(_CHIP, 1.0, 1.0, alone, slice_devices=1).links == 0


def test_between_slices_a_sum_passes_twice_through_the_network():
    collectives = [Collective(roofline.BETWEEN_SLICES, None, 1, {"f32": 16})]
    r = roofline.roofline(_CHIP, 0, 0, collectives, slice_devices=4, num_slices=2)
    assert r.links == 2 * 16 * (1 / 2) / 0.5


def test_an_all_reduce_in_two_halves_costs_the_same():
    whole = [Collective("all-reduce", 4, 1, {"f32": 64})]
    halves = [
        Collective("reduce-scatter", 4, 1, {"f32": 16}),
        Collective("all-gather", 4, 1, {"f32": 64}),
    ]
    one, other = (roofline.roofline(_CHIP, 0, 0, c, slice_devices=4).links for c in (whole, halves))
    assert one == pytest.approx(other)


def test_a_core_has_its_share_of_the_chip():
    collectives = [Collective("all-reduce", 4, 1, {"f32": 16})]
    chip, core = (
        roofline.roofline(_CHIP, 8.0, 8.0, collectives, slice_devices=4, devices_per_chip=n).total
        for n in (1, 2)
    )
    assert core == 2 * chip
