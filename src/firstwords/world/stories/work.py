"""Plots about grown people, their work and the town. The language is described in `plots.py`."""

TEXT = """
# the animal on the rails
hero: Hugo
other: child
mood: funny
uses: job
when: mild grey hot
words: train
slot: beast = cow / goat / pig / goose / duck / donkey / pony / swan / hen / hedgehog / turtle
slot-: song = sang a song / told a joke / played a little tune / made a long speech / whistled a waltz
title: The {t_beast} on the Rails | The Train That Waited | No Hurry
* {When}, {a} drove his train, and suddenly he had to stop. | {When}, the train stood still. {H} looked out.
  | It was {day}, and {a} was on the way with his train. Then he saw something and pulled the brake.
* {A_beast} lay on the rails and slept. | There, in the sun, between the rails, lay {a_beast}. | {A_beast}
  stood on the rails and did not want to go away.
* {H} blew the whistle. The {beast} only opened one eye. | "Please go!" called {h}. The {beast} looked at
  him and did not move. | {H} rang the bell, and the {beast} yawned.
+ He waved his arms. He waved his cap. He said please in three different ways. | An old woman tried it with
  an umbrella, and a tall man tried it with bread. | "We will be late!" cried a man with a black bag.
~
* Then {o1} climbed out and sat down beside the {beast}. | But {o1} got off the train. "Maybe it is lonely,"
  {ohe} said. | "Let me try," said {o1} and jumped down.
* {Ohe} {song}, and the {beast} listened. | {O} {song}. The {beast} lifted its head. | {Ohe} {song} for the
  {beast}, and it liked that very much.
+ All the people climbed out too. They sat in the grass and shared their bread and apples. | Soon the whole
  train sat in the grass, and even the man with the black bag took off his shoes.
* When {o} walked to the meadow, the {beast} walked behind {ohim}. | Then {o} went into the meadow, and the
  {beast} followed {ohim}. The rails were free!
~
+ "All aboard!" called {h}. But now nobody wanted to leave. | "We can go," said {h}. "What a pity," said the
  people.
* They came home an hour late, and it was the best trip of the year. | The train was very late. But when
  people asked why, everybody smiled.
+ And since then, the train always stops there for a moment, in case the {beast} wants to say hello. | "Why
  are you late?" asked the station master. "Because of {a_beast}," said {h}. And he wrote it into the book.
sum: {A_beast} stopped {h}'s train, and {o} led it away.
q: Why did the train stop? = The train stopped because {a_beast} was on the rails.
q: Who led the {beast} away? = {O} led the {beast} away.
q: Who drove the train? = {H} drove the train.

# the tool that walked away
hero: adult
other: child
uses: job
when: any
slot-: use = played king with it / played shop with it / played school with it / showed it to a snail /
  showed it to the ants / sang it a song / made a little house for it / talked to it as if it was a doll
title: The Missing {t_tool} | {Tc} and the {t_tool} | Without the {t_tool}
* {When}, {a} wanted to begin {his} work, but the {tool} was not there. | {When}, {a} came to work and could
  not find the {tool}. | {A} needed the {tool} for {his} work. It was {day}, and the {tool} was gone.
+ "I cannot work without it," {he} said and looked everywhere. | "Where did I put it?" {he} asked. {He}
  looked high and low. | "Yesterday it was here," said {h}. "Things do not have legs!"
+ {He} tried it with a fork. That went wrong. | {He} tried it with a wooden shoe, but that was no good at
  all. | {He} emptied three boxes and found only dust and an old photo.
~
* Outside, {o1} sat in the sand with the {tool} and {use}. | Then {he} looked out of the window. There was
  {o1}. {O} had the {tool} and {use}. | Behind the house {he} found {o1}. {O} had the {tool} and {use}.
+ {O} became red. "I only wanted to work like you," {ohe} said. | "I am sorry," said {o}. "I wanted to be as
  clever as you are." | "I wanted to bring it back," said {o}, "but then I forgot it, because it was so much
  fun."
+ {H} wanted to be angry. But then {he} remembered that {he} had been just the same. | {H} looked at {o}'s
  dirty hands and at {ohis} big eyes.
* "You have to ask before you take something," said {h}. "But come in." | "Next time, ask me first," said
  {h}. Then {he} smiled. "Do you want to learn how to do it properly?"
~
* So {h} showed {o} how to use the {tool}, and they worked together. | All afternoon, {o} helped {him}, and
  {he} showed {ohim} everything. | {O} learned fast, and {h} was glad to have help.
+ They made a few mistakes, and they laughed about every one of them. | "Slowly," said {h}, "the {tool}
  knows the way."
* In the evening, {h} gave {o} a small {tool} of {ohis} own. | When the work was done, {o} got {a_tool} of
  {ohis} own. "For my best helper," said {h}.
sum: {O} had taken {h}'s {tool}, and {h} showed {ohim} how to use it.
q: What was missing? = The {tool} was missing.
q: Who had it? = {O} had it.
q: What did {h} do then? = {H} showed {o} how to use the {tool}.

# the day the clock stopped
hero: adult
other: =Otto
mood: funny
when: mild wind grey
day: morning
words: clock
slot: cause = feather / spider / button / leaf / nut / pea / crumb / pebble / hair / cherry
slot-: early = ate lunch at nine / went to bed at noon / came to work in the night / put on pyjamas for
  lunch / said "good night" to the milk
title: The Day the Clock Stopped | Always Half Past Seven | Tick and No Tack
* {When}, the big clock on the Clock Tower stopped. It was half past seven, and it stayed half past seven. |
  {When}, {a} looked up at the Clock Tower. The clock had stopped at half past seven.
+ Nobody knew what time it was. {H} {early}. | Now nobody knew the time any more. So {h} {early}. | Without
  the clock, the whole town was in a muddle, and {h} {early}.
+ The school bell did not ring, and the children were very happy about it. | The train waited and waited.
  The bakery sold supper for breakfast. | Some people said "good morning" and some said "good evening", and
  everybody was right and wrong.
* {H} ran to {o1}. "Your clock is asleep!" {he} said. | "We need help," said {h} and went to {o1}. | So {h}
  knocked at the door of {o1}. "Time has stopped!"
~
* They climbed up the tower, step by step. | Together they climbed all the stairs to the top. | {O} took his
  tools, and they went up the tower.
+ {O} listened to every wheel with his ear. "Hm," he said, and "aha". | "Is it very bad?" asked {h}. "I do
  not know yet," said {o}. | There were a hundred wheels, big and small, and not one of them moved.
* Then they saw it. Between two wheels was {a_cause}! | "There it is!" said {h}. {A_cause} was between the
  wheels. | And what was it? It was {a_cause}, right between the two biggest wheels.
* {O} took it out very carefully, and the clock said, "Tick." | {O} blew once, the {cause} flew away, and
  the wheels began to turn.
~
+ "Such a big clock," said {h}, "and such a small {cause}!" | "So small a thing can stop the time," said {o}
  and shook his head.
* Then the clock struck, and the whole town knew again when it was time for lunch. | The bell rang, and down
  on the square the people cheered.
+ But it was four minutes late, as always. "That is how we like it," said {o}. | "Are we not four minutes
  late now?" asked {h}. "Of course," said {o}. "We always are."
sum: The town clock stopped because of {a_cause}, and {h} and {o} found it.
q: What stopped? = The clock on the Clock Tower stopped.
q: Who helped {h}? = {O} helped {h}.
q: Why had the clock stopped? = It had stopped because {a_cause} was between the wheels.

# too much soup
hero: adult
other: friend
mood: funny
uses: friend
when: any
slot: spice = pepper / salt / garlic / mustard / vinegar / parsley / cheese / butter
slot-: dish = soup / stew / bean soup / tomato soup / fish soup
slot-: add = water / milk / rice / flour / cream / cabbage
title: Too Much {t_dish} | {Tc} Cooks | A Little More
* {When}, {a} cooked some {dish} for {o1}. | {When}, {a} stood in the kitchen. {O1} was coming for supper,
  and there was {dish}. | {A} wanted to cook {dish} for {o1} {weather_on}.
* But too much {spice} fell into the pot. | Then the {spice} fell into it, all of it. | {He} looked out of
  the window for a moment, and too much {spice} went into the pot.
* "A little more {add} will help," {he} thought. | So {he} put in more {add}. | "Then I will put in more
  {add}," {he} said.
+ Now it did not taste of anything. So {he} put in some more {spice}, and then some more {add}. | {He}
  tasted it, shook {his} head and put in more, and again, and again.
* Soon the pot was too small, so {h} took a bigger one. | The pot was full, and then the second pot, and
  then the third. | The {dish} came up to the top and ran over the table.
+ In the end there was {dish} in the bucket, in the vase and in the bath. | {He} stood in {dish} up to {his}
  ankles.
~
* Then {o} came in and stood still. "Who is going to eat all that?" {ohe} asked. | There was a knock. {O}
  came in and looked at all the pots. "Are a hundred people coming?" {ohe} asked.
+ "I do not know," said {h} and had to laugh. | {H} was close to tears. "It was only a little bit too much,"
  {he} said.
* "I know what we can do," said {o}, and {ohe} opened the window. "Supper for everybody!" | So {o} went out
  and rang a bell. "Free {dish} for everybody!" {ohe} called.
~
* And they came: old and young, with spoons and bowls. | All the neighbours came with their bowls and sat
  down in the street.
+ They ate and sang until the last pot was empty. | It was the best party of the whole year.
+ "What is in it?" they all asked. "A little bit too much," said {h}. | "When will you make such a mistake
  again?" asked the children.
sum: {H} cooked much too much {dish}, so {he} and {o} shared it with everybody.
q: What did {h} cook? = {H} cooked {dish}.
q: What fell into the pot? = Too much {spice} fell into the pot.
q: Who ate it all? = All the neighbours ate it.

# the prize
hero: person
other: friend
uses: friend
when: autumn
words: prize
slot: fruit = apple / pumpkin / carrot / cabbage / potato / pear / melon / onion / turnip / plum
slot-: beast = a pig / a goat / a donkey / a goose / a cow / a hen
title: The Biggest {t_fruit} | {Tc} and the Prize | A Prize for Two
* {When}, {a} had the biggest {fruit} in the garden. | {When}, {a} looked at {his} {fruit}. It was bigger
  than a head. | {A} had watered one {fruit} all summer. It was {day}, and it was bigger than all the
  others.
+ "I will win the prize with it," {he} said. | "The prize will be mine," said {h}. | {He} was sure that it
  would win the prize.
+ {He} had sung to it every evening. | At night {he} put a blanket over it, so that it was not cold. | {H}
  put it on a cart and covered it with straw.
* But on the way, {beast} came and ate half of it! | {He} put it down for a moment, and {beast} took a big
  bite of it. | {He} turned around only once. But then {beast} came and bit into it.
+ "No!" cried {h}. "A whole summer of work!" | {He} sat down on the road and covered {his} face with {his}
  hands. | The other half looked very sad.
~
* {O1} came along with a very small {fruit}. "Come anyway," said {o}. | Then {o1} came by. {Ohe} had
  {a_fruit} too, but a tiny one. "Come with me," {ohe} said.
+ "With half {a_fruit}?" asked {h}. "Why not?" said {o}. "Mine is tiny. Let us laugh together." | "I have
  only half of one," said {h}. "And I have the smallest of all," said {o}, and they had to laugh.
* So they put both on one plate and wrote on it: "One and a half friends." | So they put them side by side
  on one plate. It looked very funny.
~
+ There were so many big ones, round and red and yellow. But people stopped in front of the plate and
  smiled.
* The biggest one won, of course. But there was a second prize, for the funniest plate, and they got it! |
  They did not win the first prize. But all the people laughed so much that they got a prize for the
  funniest plate.
+ {H} and {o} held it up together. | "Next year we will grow half {a_fruit} again," said {h}.
sum: An animal ate half of {h}'s big {fruit}, but {he} and {o} won a prize for the funniest plate.
q: What did they win? = They won a prize for the funniest plate.
q: Who ate half of the {fruit}? = {Beast} ate half of the {fruit}.
q: Who was with {h}? = {O} was with {h}.
"""
