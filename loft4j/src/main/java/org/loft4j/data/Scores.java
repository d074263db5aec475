package org.loft4j.data;

import java.util.regex.Pattern;
import org.loft4j.DataException;

/** The numbers that a regression learns: labels in decimal notation, with a point. */
public final class Scores {
    private static final Pattern NUMBER = Pattern.compile("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,9})?");

    private Scores() {}

    /** Whether a label may be one; a whole number may be, and may be a class. */
    public static boolean isNumber(String label) {
        return NUMBER.matcher(label).matches() && Float.isFinite(Float.parseFloat(label));
    }

    /**
     * The number of a row, as float32 has it.
     *
     * @throws DataException if its label is no finite number
     */
    static float of(LabeledText row) throws DataException {
        if (!isNumber(row.label())) {
            throw row.origin()
                    .fault(
                            "label " + Quoted.text(row.label())
                                    + " must be a finite number with a point before its decimals, as 3.8: a regression learns numbers");
        }
        return Float.parseFloat(row.label());
    }
}
