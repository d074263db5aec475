package org.loft4j.data.jinja;

/**
 * What an unknown name or a missing key is: false, empty, printed as nothing; everything else that is done with it is an error.
 *
 * @param complaint what the error says
 */
record Undefined(String complaint) {
    static Undefined name(String name) {
        return new Undefined("'" + name + "' is undefined");
    }

    TemplateException fault() {
        return new TemplateException(complaint);
    }
}
