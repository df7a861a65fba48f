"""The wordings of customers' messages: every intent and urgency in pools that the splits hold apart."""

from shared.world.grammar import Phrasings, templates

GREETINGS = templates("Hello!", "Hi there!", "Good morning!", "Good evening!", "Dear shop!", "Hello Lanternwick!", "")

# {goods} is what the message is about ("brass lantern", "two brass lanterns"), {some_goods} the same with an article
# where it is one, and {an_item2} another item that arrived by mistake.
INTENTS: dict[str, Phrasings] = {
    "refund": Phrasings(
        train=templates(
            "I want my money back for the {goods}.",
            "Please refund the {goods} I bought on {day}.",
            "I no longer need the {goods} and would like a refund.",
            "I am sending back the {goods}, please return my coins.",
            "Please give me back the coins I paid for the {goods}.",
            "May I have a refund for the {goods} from {day}?",
            "The {goods} {is} not for me, I would like my money back.",
            "I returned the {goods} on {day} and want my coins back.",
            "I do not want the {goods} any more, please refund {it}.",
            "Would you give me a refund for the {goods}?",
            "Please take back the {goods} and return the money.",
        ),
        public=templates(
            "Could you return the money I paid for the {goods}?",
            "A refund for the {goods}, please, I no longer want {it}.",
            "I would like the coins back that I paid on {day} for the {goods}.",
            "You may have the {goods} back, I want a refund.",
        ),
        hidden=templates(
            "My coins back for the {goods}, please.",
            "I have no need of the {goods} and ask for a refund.",
            "On {day} I bought the {goods}, now I want my money back.",
            "Would you refund the {goods}?",
        ),
    ),
    "exchange": Phrasings(
        train=templates(
            "I would like to swap the {goods} for another size.",
            "Can I exchange the {goods} for a different one?",
            "The {goods} {is} too small, I want to trade {it} for a larger kind.",
            "Please exchange the {goods} I bought on {day}.",
            "May I trade the {goods} for another color?",
            "The {goods} {is} the wrong size, can I swap {it}?",
            "I want to exchange the {goods} for a larger size.",
            "Could you swap the {goods} for a smaller kind?",
            "The {goods} {is} too large, may I exchange {it}?",
            "Is there a different color of the {goods} for which I can trade?",
            "I bought the {goods} on {day}, please swap {it} for another kind.",
        ),
        public=templates(
            "A different size of the {goods} would be better, can I exchange {it}?",
            "I bought the {goods} on {day} and would like to swap {it} for a smaller size.",
            "Is it possible to trade the {goods} for a larger one?",
            "Please swap the {goods}, I need a larger size.",
        ),
        hidden=templates(
            "Another color would be better, may I exchange the {goods}?",
            "Can you trade my {goods} for a different size?",
            "The {goods} {is} too large, please swap {it}.",
            "I hope to exchange the {goods} from {day} for a smaller kind.",
        ),
    ),
    "late": Phrasings(
        train=templates(
            "The {goods} I ordered on {day} {has} not come yet.",
            "Where {is} my {goods}? I have waited since {day}.",
            "My {goods} should have been here on {day} but {has} not arrived.",
            "I am still waiting for the {goods}.",
            "The {goods} {has} still not arrived.",
            "It is {day} and my {goods} {has} not come.",
            "When will my {goods} arrive? I ordered {it} on {day}.",
            "I have waited a long time for the {goods}.",
            "Has the box with the {goods} left the shop? I ordered {it} on {day}.",
            "Since {day} I am waiting for my {goods}.",
            "My order of {some_goods} has not come.",
        ),
        public=templates(
            "I have been waiting for my {goods} since {day}.",
            "It is past {day} and the {goods} {has} still not come.",
            "I ordered the {goods} on {day}, where is my box now?",
            "No box has arrived and I am waiting for the {goods}.",
        ),
        hidden=templates(
            "Still I wait for the {goods} I ordered.",
            "Since {day} I have waited, when will the {goods} come?",
            "My order of the {goods} {has} not arrived yet.",
            "Has my box with the {goods} left? I am waiting since {day}.",
        ),
    ),
    "broken": Phrasings(
        train=templates(
            "The {goods} came broken.",
            "My {goods} arrived with a crack.",
            "The {goods} {was} torn when I opened the box.",
            "I found the {goods} bent and broken in the box.",
            "There is a crack in the {goods} that came on {day}.",
            "The {goods} broke on the first day.",
            "I opened the box on {day} and the {goods} {was} bent.",
            "The {goods} {has} a hole and cannot be used.",
            "When the box came, the {goods} {was} broken.",
            "I cannot use the {goods} because of a crack.",
            "There was a hole in the {goods} when I opened the box.",
        ),
        public=templates(
            "When I opened the box I saw that the {goods} {was} broken.",
            "The {goods} came on {day}, torn and bent.",
            "I cannot use the {goods}, there is a crack.",
            "There is a hole in my {goods}.",
        ),
        hidden=templates(
            "A crack was in the {goods} when I opened the box.",
            "The box came on {day} with the {goods} bent and torn.",
            "Broken, that is how my {goods} arrived.",
            "My {goods} cannot be used, there is a hole.",
        ),
    ),
    "wrong": Phrasings(
        train=templates(
            "I ordered {some_goods} but got {an_item2}.",
            "You sent {an_item2} when I asked for {some_goods}.",
            "There was {an_item2} in the box instead of the {goods}.",
            "I got {an_item2}, but my order was for {some_goods}.",
            "Instead of {some_goods} you sent me {an_item2}.",
            "My box had {an_item2} in it, not the {goods} I ordered.",
            "I asked for {some_goods} and you sent {an_item2}.",
            "You packed {an_item2}, but I ordered {some_goods}.",
            "The box had {an_item2} where {some_goods} should have been.",
            "Why is there {an_item2} in my box? I ordered {some_goods}.",
            "I found {an_item2} in the box, but I asked for {some_goods}.",
        ),
        public=templates(
            "My order was for {some_goods}, the box had {an_item2}.",
            "I opened the box and got {an_item2} instead of {some_goods}.",
            "Why did you send {an_item2}? I asked for {some_goods}.",
            "It was {some_goods} I ordered, not {an_item2}.",
        ),
        hidden=templates(
            "In the box I found {an_item2} instead of the {goods}.",
            "On {day} I ordered {some_goods}, you sent {an_item2}.",
            "My order for {some_goods} came as {an_item2}.",
            "You packed {an_item2} instead of {some_goods}.",
        ),
    ),
    "question": Phrasings(
        train=templates(
            "How heavy {is} the {goods}?",
            "Do you sell {some_goods} in one box?",
            "Can the {goods} be used in the {weather}?",
            "Can I have the {goods} in another color?",
            "What {is} the {goods} made of?",
            "How much would {some_goods} cost?",
            "Can you tell me how large the {goods} {is}?",
            "Would the {goods} do for a walk in the {weather}?",
            "I would like to know what the {goods} {is} made of.",
            "Do you have the {goods} in a different color?",
            "Tell me, can one use the {goods} in the {weather}?",
        ),
        public=templates(
            "Can you tell me what the {goods} {is} made of?",
            "In the {weather}, can I use the {goods}?",
            "What would {some_goods} cost?",
            "Do you know how heavy the {goods} {is}?",
        ),
        hidden=templates(
            "How large {is} the {goods}?",
            "Do you sell the {goods} in another color?",
            "Can you tell me how much the {goods} would cost?",
            "Would the {goods} be good in the {weather}?",
        ),
    ),
}

URGENCIES: dict[str, Phrasings] = {
    "high": Phrasings(
        train=templates(
            "I leave on {day} and need this solved at once.",
            "Please hurry, this is urgent.",
            "I need an answer today.",
            "This cannot wait, my trip starts on {day}.",
            "It is urgent, please answer at once.",
            "I am in a great hurry.",
            "Please answer today, I leave on {day}.",
            "I need this at once, please hurry.",
            "My trip starts today, so this cannot wait.",
        ),
        public=templates("Please answer today, it is urgent.", "I leave today, so please hurry."),
        hidden=templates("My trip starts at once, please hurry.", "This is urgent and cannot wait."),
    ),
    "normal": Phrasings(
        train=templates(
            "Please write back.",
            "Let me know.",
            "Thank you.",
            "I hope to hear from you.",
            "Please let me know.",
            "Thank you, I hope you can help.",
            "I look forward to your letter.",
            "",
        ),
        public=templates("Thank you, please let me know.", "I hope you write back."),
        hidden=templates("Let me hear from you.", "Thank you, I hope to hear from you."),
    ),
    "low": Phrasings(
        train=templates(
            "There is no hurry.",
            "Take your time.",
            "Whenever you have a moment is fine.",
            "No rush at all.",
            "It can wait until you have time.",
            "I can wait, there is no need to hurry.",
            "Answer when you have time.",
            "There is no rush, I can wait.",
            "Please take your time, no hurry at all.",
        ),
        public=templates("Take a moment whenever you have time.", "It can wait, there is no rush."),
        hidden=templates("Whenever you have time is fine, no hurry at all.", "There is no rush, take your time."),
    ),
}

ASIDES = templates(
    "",
    "I also like the {item3}.",
    "My friend {first} has {an_item3}.",
    "It is for a walk near {town}.",
    "I bought it in {town}.",
)
NO_ASIDE = templates("")
