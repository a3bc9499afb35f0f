"""What a user's own script looks like; mypy --strict must see no Any in it (``test_api``). Not collected by pytest.

usage: python -m tests.client RAW OUT
"""

from __future__ import annotations

import sys

import gemax_cli as gemax


def main(raw: str, out: str) -> int:
    """Convert a folder and look at it in every way there is."""
    settings = gemax.Settings(taus=(20, 30), maps=("ri",), quantisation=gemax.QuantisationSettings(levels=4096))
    selection = gemax.Selection(subjects=("F0001", "bs000"))
    todo, _ = gemax.plan(raw, out, settings, selection)
    summary = gemax.convert(raw, out, settings, selection, gemax.RunOptions(jobs=1))
    assert summary.converted == len(todo.steps) > 0

    folder = gemax.OutputFolder(out)
    record: gemax.ScanRecord = next(folder.records())
    nose, block = record.nose, record.blocks[0]
    print(record.scan_id, record.name.subject, nose.x, nose.confidence, block.valid_pixels, block.maps[0].entropy)
    print(folder.settings.taus, folder.depth16(record.scan_id).shape, folder.map(record.scan_id, 20).dtype)

    ref = gemax.find_scans(raw, selection).scans[0]
    scan: gemax.Scan = gemax.read_scan(ref.path)
    frontal = gemax.orient_scan(gemax.clean_scan(scan)[0], settings.nose)
    tip: gemax.NoseTip = gemax.find_nose_tip(frontal.scan, settings.nose)
    for cut in gemax.cut_blocks(frontal.scan, tip.position, settings.block, settings.depths):
        print(cut.depth_mm, *(m.entropy for m in gemax.make_maps(cut.depth16, settings.taus)))

    image = folder.path / block.maps[0].file
    inverted: gemax.InvertedMap = gemax.invert(image)
    rows: list[gemax.EntropyRow] = gemax.entropy_table(out)
    print(inverted.bound_mm, inverted.mesh().colours.dtype, rows[0].mean, gemax.verify(out).problems)
    print(gemax.methods_paragraph(out))
    print(gemax.preview(out, folder.path / "sheet.png").shown, len(gemax.report(out).html))
    images = gemax.map_image(folder.depth16(record.scan_id), gemax.ImageSettings(taus=("2x",), nodata="0"))
    print(images.mapping.grid.levels, images.maps["2x"].dtype, images.mask.any())
    folds: gemax.Split = gemax.split(out, "all", gemax.SplitSettings("loso"))
    audit: gemax.Audit = gemax.check_split(out, folds.name)
    stack: gemax.FaceStack = gemax.load_stack(out, split=folds, taus=(20, 25))
    train, test = stack.train_test(fold=folds.folds()[0])
    print(audit.folds, len(gemax.split_rows(out, "all")), stack.maps[train].shape, stack[int(test[0])].flipped().label)
    study: gemax.Sweep = gemax.sweep(ref.path, gemax.Settings(taus=(20,), depths=(50, 60)))
    print(study.advice, gemax.inspect_scan(ref.path)["format"])
    return summary.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
