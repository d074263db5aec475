package org.loft4j.data.jinja;

import java.util.function.Supplier;

/**
 * What an unknown name or a missing key is: false, empty, printed as nothing; everything else that is done with it is an error.
 *
 * @param complaint what the error says, made when there is one: to write out what was asked for may take long
 */
record Undefined(Supplier<String> complaint) {
    Undefined(String complaint) {
        this(() -> complaint);
    }

    static Undefined name(String name) {
        return new Undefined("'" + name + "' is undefined");
    }

    TemplateException fault() {
        return new TemplateException(complaint.get());
    }
}
