package org.loft4j.cli.demo;

import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.regex.Pattern;
import javax.xml.XMLConstants;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.jspecify.annotations.Nullable;

/**
 * Reads the example sentences of a LanguageTool {@code grammar.xml}, with the meaning that LanguageTool's own reader ({@code
 * PatternRuleHandler}, version 6.6) gives to their attributes. Nesting: {@code rules > category > (rule | rulegroup > rule) >
 * example}, and {@code antipattern > example} within a rule or a group. The file's own entities are expanded; nothing outside
 * the file is ever read.
 */
final class GrammarReader {
    private static final Pattern WHITE_SPACE = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);

    private final XMLStreamReader xml;
    private final List<GrammarExample> examples = new ArrayList<>();
    private final List<Draft> ofRule = new ArrayList<>();

    private boolean categoryOn = true;
    private boolean groupOn = true;
    private boolean ruleOn = true;
    private @Nullable String groupId;
    private @Nullable String ruleId;
    private boolean inAntipattern;
    private boolean deletes;

    private GrammarReader(XMLStreamReader xml) {
        this.xml = xml;
    }

    /** An example whose rule has not been read to its end; whether its empty correction deletes is not known yet. */
    private record Draft(
            GrammarExample.Kind kind,
            String before,
            String marked,
            String after,
            @Nullable String correction) {}

    /**
     * Reads a whole file.
     *
     * @param source the file's name, for messages
     */
    static List<GrammarExample> read(String source, InputStream in) throws AssetException {
        try {
            XMLStreamReader xml = factory().createXMLStreamReader(in);
            try {
                GrammarReader reader = new GrammarReader(xml);
                reader.document();
                return reader.examples;
            } finally {
                xml.close();
            }
        } catch (XMLStreamException | NoSuchElementException e) {
            throw new AssetException(source + ": not a readable grammar.xml: " + e.getMessage(), e);
        }
    }

    private static XMLInputFactory factory() {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, true);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        factory.setProperty(XMLInputFactory.IS_REPLACING_ENTITY_REFERENCES, true);
        factory.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
        factory.setXMLResolver((publicId, systemId, base, namespace) -> {
            throw new XMLStreamException("refuses to read " + systemId);
        });
        // the English file expands about 3,000 entities to 2 MB, more than JDK 24 and later allow unless told
        factory.setProperty("jdk.xml.entityExpansionLimit", "64000");
        factory.setProperty("jdk.xml.totalEntitySizeLimit", "50000000");
        factory.setProperty("jdk.xml.maxGeneralEntitySizeLimit", "1000000");
        return factory;
    }

    private void document() throws XMLStreamException {
        boolean rules = false;
        while (xml.hasNext()) {
            int event = xml.next();
            if (event == XMLStreamConstants.START_ELEMENT) {
                rules |= xml.getLocalName().equals("rules");
                start(xml.getLocalName());
            } else if (event == XMLStreamConstants.END_ELEMENT) {
                end(xml.getLocalName());
            }
        }
        if (!rules) {
            throw new XMLStreamException("it has no element 'rules'");
        }
    }

    private void start(String element) throws XMLStreamException {
        switch (element) {
            case "category" -> categoryOn = isOn();
            case "rulegroup" -> {
                groupOn = isOn();
                groupId = attribute("id");
            }
            case "rule" -> {
                // examples of the group's own antipatterns stand before its rules and share no rule's suggestions
                flush();
                ruleOn = isOn();
                ruleId = attribute("id");
            }
            case "antipattern" -> inAntipattern = true;
            case "suggestion" -> deletes |= isEmpty();
            case "example" -> example();
            default -> {}
        }
    }

    private void end(String element) throws XMLStreamException {
        switch (element) {
            case "rule" -> {
                flush();
                ruleOn = true;
                ruleId = null;
            }
            case "rulegroup" -> {
                flush();
                groupOn = true;
                groupId = null;
            }
            case "antipattern" -> inAntipattern = false;
            default -> {}
        }
    }

    private void example() throws XMLStreamException {
        String correction = attribute("correction");
        String type = attribute("type");
        GrammarExample.Kind kind = GrammarExample.Kind.CORRECT;
        if (!inAntipattern) {
            if (correction != null || "incorrect".equals(type)) {
                kind = GrammarExample.Kind.INCORRECT;
            } else if ("triggers_error".equals(type)) {
                kind = GrammarExample.Kind.FALSE_ALARM;
            }
        }
        StringBuilder before = new StringBuilder();
        StringBuilder marked = new StringBuilder();
        StringBuilder after = new StringBuilder();
        StringBuilder current = before;
        for (int depth = 1; depth > 0; ) {
            switch (xml.next()) {
                case XMLStreamConstants.START_ELEMENT -> {
                    depth++;
                    current = current == before ? marked : current;
                }
                case XMLStreamConstants.END_ELEMENT -> {
                    depth--;
                    current = current == marked ? after : current;
                }
                case XMLStreamConstants.CHARACTERS, XMLStreamConstants.CDATA, XMLStreamConstants.SPACE ->
                    current.append(xml.getText());
                default -> {}
            }
        }
        ofRule.add(new Draft(kind, before.toString(), marked.toString(), after.toString(), correction));
    }

    /** Turns the drafts into examples, now that all suggestions of their rule are known. */
    private void flush() throws XMLStreamException {
        if (!ofRule.isEmpty()) {
            String id = groupId != null ? groupId : ruleId;
            if (id == null) {
                throw new XMLStreamException("a rule with examples has no id, nor has its group", xml.getLocation());
            }
            boolean enabled = categoryOn && groupOn && ruleOn;
            for (Draft draft : ofRule) {
                String text = collapse(draft.before + draft.marked + draft.after);
                examples.add(new GrammarExample(draft.kind, id, enabled, text, corrected(draft)));
            }
        }
        ofRule.clear();
        deletes = false;
    }

    /** An empty correction means "delete the marked words" where the rule has an empty suggestion, else "no suggestion". */
    private @Nullable String corrected(Draft draft) {
        if (draft.kind != GrammarExample.Kind.INCORRECT
                || draft.correction == null
                || draft.correction.isEmpty() && !deletes) {
            return null;
        }
        int end = draft.correction.indexOf('|');
        String first = end < 0 ? draft.correction : draft.correction.substring(0, end);
        return collapse(draft.before + first + draft.after);
    }

    private boolean isEmpty() throws XMLStreamException {
        return xml.next() == XMLStreamConstants.END_ELEMENT;
    }

    private boolean isOn() {
        String value = attribute("default");
        return !"off".equals(value) && !"temp_off".equals(value);
    }

    private @Nullable String attribute(String name) {
        return xml.getAttributeValue(null, name);
    }

    private static String collapse(String text) {
        return WHITE_SPACE.matcher(text).replaceAll(" ").strip();
    }
}
