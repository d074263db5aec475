package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.PlainText;
import org.loft4j.data.Row;
import org.loft4j.data.image.LabeledImages;

/** Which images are to be classified: no label of theirs is asked for. */
final class AskedImages {
    private AskedImages() {}

    /**
     * The images of a folder, or of the table in a file.
     *
     * @param path of either
     * @param columns whose text is the column of the images, if it is not {@code image}
     * @throws DataException if there are none, or it is neither
     */
    static List<String> in(Path path, ColumnFlags columns, PrintWriter err) throws IOException {
        if (Files.isDirectory(path)) {
            LabeledImages found = LabeledImages.withoutLabels(path);
            if (!found.leftOut().isEmpty()) {
                err.println("loft: " + Quantities.of(found.size(), "image") + TrainingImages.leftOut("", found));
                err.flush();
            }
            return IntStream.range(0, found.size()).mapToObj(found::name).toList();
        }
        if (!ImageFlags.isTable(path)) {
            throw new DataException(
                    path,
                    "must be a folder of images, or a table (.csv, .tsv, .jsonl) with the column image; single ones are given with --image");
        }
        String column = columns.text == null ? "image" : columns.text;
        List<String> files = new ArrayList<>();
        for (Row row : DataFiles.read(path, Columns.of(column, null).questions())) {
            PlainText named = (PlainText) row;
            files.add(ImageFlags.inside(path, named.text(), named.origin()).toString());
        }
        return files;
    }
}
