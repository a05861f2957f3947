"""Plots whose heroes are animals: mistakes, races, journeys. The language is described in `plots.py`."""

TEXT = """
# the big plop
hero: hare rabbit mouse squirrel deer
other: fox pig goat hen duck
third: bear badger donkey cow pony
mood: funny
when: autumn
slot: fruit = apple / pear / nut / plum / chestnut / branch / acorn / cone
title: The Big Plop | Run for Your Life! | The Terrible Plop
* {When}, {a} slept beside the pond. Suddenly there was a noise: plop! | {When}, {a} lay in the grass beside
  the water. "Plop!" it went behind {him}. | {A} was nearly asleep {weather_on}. Then something in the pond
  said, "Plop!"
* "The Plop is coming!" cried {h} and ran as fast as {he} could. | "Help! A Plop!" {he} shouted and ran
  away. | {H} had never met a Plop, but {he} ran. "Run!" {he} cried.
+ {He} ran so fast that {his} ears flew behind {him}. | {He} ran through the mud, through the corn and once
  around the hill.
~
* {O1} heard it. "What is a Plop?" "It is big, and it eats everything!" So {o} ran too. | On the way stood
  {o1}. "The Plop is coming!" {h} called. "How terrible!" said {o} and ran with {him}. | "Why are you
  running?" asked {o1}. "Because of the Plop!" Then {o} ran as well.
+ "It has ten legs," said {o} to everybody on the way. "And teeth like knives!" | "It is as big as a house,"
  said {o}. "No, as big as two houses," said {h}. | With every step the Plop became bigger.
* At last they met {p1}. "Stop!" said {p}. "Who has seen the Plop?" | But {p1} did not run. "Have you seen
  it?" asked {p}. | {P1} stood in their way. "What does it look like?" {phe} asked.
+ "I have not seen it," said {o}. "I have only heard it," said {h}. | Nobody had seen it. They looked at the
  ground. | {H} looked at {o}, and {o} looked at {h}. "Nobody has seen it," they said.
~
* So they went back to the pond together, very slowly. | {P} took them back to the water. | "Then let us
  look," said {p}, and they went back on tiptoe.
* Just then {a_fruit} fell into the water. "Plop!" | There, before their eyes, {a_fruit} fell into the pond.
  "Plop!" it went.
* First it was quiet, and then they laughed until their bellies hurt. | "What a dangerous {fruit}!" said
  {p}. And they all laughed. | "So that is your monster," said {p}. {H} became red up to the ears.
+ Since then, when one of them was afraid of something, they went to look at it first.
sum: {H} ran away from a noise, but it was only {a_fruit} that fell into the water.
q: What did {h} hear? = {H} heard a plop.
q: Who ran with {h}? = {O} ran with {h}.
q: What made the noise? = {A_fruit} made the noise.

# who ate it
hero: fox hare badger squirrel rabbit goat hen otter beaver robin cow
other: bear pig donkey cow crow
third: owl robin frog
mood: funny
when: mild autumn
slot: food = cake / pie / bread / cheese / pumpkin / melon / honey / jam / salad / soup
slot-: sign = crumbs / a wet spot / three hairs / big tracks / a spoon / a broad trail
title: Who Ate the {t_food}? | The Detective of Owl Wood | {Tc} Finds Out
* {When}, {a} wanted to eat {his} {food}. But it was gone! | {When}, somebody ate all the {food} that {a}
  had saved for the evening. | {A} had some good {food}. Then {he} turned around, {weather_on}, and the
  {food} was gone.
* "A thief!" cried {h}. "I will find out who it was." | "Who was that?" shouted {h}. "I will find the
  thief!" | {H} put on a serious face. "Now I am a detective," {he} said.
+ First {he} asked {p1}. "It was not me," said {p}. "I only eat in the morning." | {He} met {p1}. "I have
  seen nothing," said {p}, "but I heard somebody chew."
+ On the ground {he} found {sign}. | {He} looked at the ground and found {sign}. "Aha!" {he} said.
~
* Then {he} saw {o1}. "Did you eat my {food}?" "Mmmm," said {o} with a full mouth. | Behind a bush sat {o1}
  and had a very fat belly. "It was you!" said {h}. | Then {o1} came along. "Good morning," said {o}, and
  there was something on {ohis} nose. It was {food}!
+ "And what is that on your nose?" asked {h}. "That is only the sun," said {o}. | {O} looked up at the sky and
  whistled. But it is hard to whistle with so much {food} in the mouth.
* {O} became red. "I was so hungry," {ohe} said. "I am sorry." | "I only wanted to try it," said {o}. "And
  then it was all gone." | "It was so good," said {o} quietly. "I could not stop. I am sorry."
~
+ "Next time, ask me," said {h}. "Then we will eat together." | {H} could not stay angry. "You only had to
  ask," {he} said.
* The next day {o} brought a big basket of berries, and they shared it. | So {o} went and picked berries for
  {h} until evening, and they ate them together. | To make it good again, {o} made a big supper for {h}, and
  they ate it together.
+ "Case closed," said the detective and licked {his} lips.
sum: {O} ate {h}'s {food}, but {ohe} said sorry and made it good again.
q: What was gone? = The {food} was gone.
q: Who ate the {food}? = {O} ate the {food}.
q: Who wanted to find the thief? = {H} wanted to find the thief.

# another colour
hero: crow mouse sparrow owl duck hen goat donkey lamb frog pig
other: snail turtle mole hedgehog owl
third: fox rabbit squirrel otter
mood: funny
when: mild hot
words: rain
slot: colour, how = red, rolled in a heap of strawberries / blue, rolled in a heap of blueberries / yellow,
  rolled in yellow flowers / purple, sat down in a basket of plums / orange, jumped into a pot of pumpkin
  soup / red, jumped into a pot of red paint / blue, rolled in blue paint / gold, jumped into a pot of honey
title: The {t_colour} {Call} | {Tc} Wants to Be {t_colour} | Not Quite {Call}
* {When}, {a} said, "I am dull. I want to be {colour}!" | {When}, {a} looked into the water. "I do not like
  my colour," {he} said. "I want to be {colour}." | {A} wanted to be {colour}. "{Colour} is much more
  beautiful," {he} said {weather_on}.
* So {he} {how}. | {He} {how}, and really, {he} became {colour}. | {He} thought about it, and then {he}
  {how}.
+ "Now I am the most beautiful {call} of all," {he} said and walked up and down. | It was sticky, and flies
  came. But {h} was proud.
~
* But {p1} did not know {him}. "Who are you?" asked {p}. "I am waiting for my friend, {h}." | {He} went to
  {p1}. "Go away, stranger," said {p}. "I only play with my friend, {h}." | {P1} ran away from {him}.
  "Help!" cried {p}. "{A_colour} monster!"
+ "But it is me!" said {h}. "My friend is not {colour}," said {p} and shook {phis} head.
+ {H} was sad. "Nobody knows me any more," {he} told {o1}. | "I am so beautiful, and I am so alone," {h}
  said to {o1}. | Then {he} met {o1}. "Why are you sad in such a fine colour?" asked {o}.
+ "I know you by your voice," said {o}. "Wait, it will rain soon." | {O} looked at the clouds. "I think that
  the sky will help you," {ohe} said. | "I liked you as you were," said {o}. "Stay out in the rain for a
  while."
~
* And the rain came and washed all the {colour} away. | Soon the rain fell, and the {colour} ran down {his}
  legs into the grass. | Then a warm rain fell. Drop by drop, {h} became {self} again.
* "There you are!" cried {p}. "Where have you been? {A_colour} stranger was here." | {P} came running. "I
  have missed you!" {phe} said. | "My friend!" said {p}. "You will not believe it. I saw {a_colour}
  monster!"
* {H} laughed and never wanted another colour again. | And {h} was happy to be {h}. | {H} only smiled and
  said nothing.
sum: {H} wanted to be {colour}, but then {his} friend did not know {him} until the rain washed the colour
  away.
q: What colour did {h} want to be? = {H} wanted to be {colour}.
q: Who did not know {h}? = {P} did not know {h}.
q: What washed the colour away? = The rain washed the colour away.

# slow and careful
uses: intro
hero: turtle snail hedgehog mole
other: hare fox pony rabbit
third: bear badger deer cow
when: mild autumn
slot: load = soup / milk / tea / juice / water / broth / lemonade
slot-: cup = cup / bowl / pot / jar
title: Slow and Careful | {Tc} Brings the {t_load} | Not a Drop
* {When}, {p1} lay sick at home and asked for some {load}. | {When}, {p1} was ill. "I would like some
  {load}," said {p}. | {P1} had a cold. It was {day}, and somebody had to bring {phim} some {load}.
* {O1} said, "I am the fastest. I will bring it." | "I will do it!" cried {o1}. "Nobody is as quick as I
  am."
* {O} ran off with a full {cup}. But {ohe} ran so fast that nothing was left in it. | {O} took a full {cup}
  and ran. When {ohe} came there, the {cup} was empty. | But {o} jumped over every stone, and at the end all
  the {load} lay in the grass.
+ Three times {ohe} ran, and three times the {load} was on the path, on {ohis} legs and on {ohis} ears. |
  "Oh," said {o}. "It was full when I started."
~
* "May I try?" asked {a}. | Then {a} said, "Let me do it." | {A} had seen it all. "I can do it," {he} said
  quietly.
+ "You?" laughed {o}. "You are the slowest of all!" | {O} had to laugh. "{P} will be well again before you
  come there!"
* But {h} went step by step and looked at the {cup} all the time. | {H} said nothing and set off, slowly,
  very slowly. | {H} took the {cup} on {his} back and went so carefully that nothing moved.
+ The sun went down, and the first stars came out. Still {h} went on. | A fly sat down on {his} nose, but
  {he} did not even shake {his} head.
~
* At last {he} stood in front of {p}, and not a drop was missing. | {H} came late, but the {cup} was full up
  to the top.
* {P} drank it all and soon felt better. "Thank you, my slow friend," said {p}. | "How good that is!" said
  {p}, and the next day {phe} was well again.
+ "You were right," said {o}. "Fast is not always better." | And {o} learned from {h} to walk slowly now and
  then.
+ Then they sat together, and {h} rested {his} tired legs.
sum: {O} was fast and lost all the {load}, but {h} was slow and careful and brought it to {p}.
q: Who was sick? = {P} was sick.
q: Why was the {cup} empty? = It was empty because {o} ran too fast.
q: Who brought the {load} in the end? = {H} brought the {load}.

# the first snow
hero: fox rabbit hare deer mouse squirrel
other: owl crow badger
mood: happy
when: snow
day: morning
words: snow
slot: guess = feathers / flour / sugar / salt / wool / stars / flowers / paper / milk / butterflies
title: The First Snow | {Tc} and the White Morning | Who Painted the Wood?
* {When}, {a} came out, and everything was white. It was {his} first winter. | {When}, {a} opened {his}
  eyes, and the whole wood was white. {He} had never seen that before. | {A} had never seen a winter. But
  {weather_on}, the world was suddenly white.
* "Who has thrown {guess} everywhere?" asked {h}. | "It is raining {guess}!" cried {h}. | "It looks like
  {guess}," {he} thought.
* {He} tasted it. It was cold, and then it was gone. | {He} put {his} nose in it, and it tickled. | {He}
  caught a piece of it, but then there was only a drop of water.
+ {He} took a step and looked back. There was a hole behind {him}! "Somebody is following me," {he} said. |
  It was so quiet that {he} could hear {his} own breath. | "The path is gone!" said {h}. "And the grass, and
  the flowers!"
* {H} was a little afraid. "Is the wood broken?" {he} asked {o1}. | "Is it bad?" {he} asked {o1}. "Will it
  stay for ever?" | {He} ran to {o1}. "Somebody has taken all the colours away!" {he} cried.
~
* "No," laughed {o}. "That is snow. The wood is only asleep under it." | "That is only snow," said {o}. "It
  is a blanket for the earth." | {O} smiled. "It is snow, and it comes every year."
+ "And when will the wood wake up?" "In spring, when the first flower comes." | "And what can you do with
  it?" asked {h}. "Everything," said {o}.
* Then {h} jumped into the deepest snow and was not afraid any more. | Then {h} ran and rolled and jumped
  until {he} was white too. | {H} slid down the hill, and then once more, and ten times more.
+ {O} watched it and nearly jumped in too. | Soon there were tracks everywhere, in circles and rings.
* "I hope it stays until tomorrow," said {h}. | In the evening {he} fell asleep and dreamed of white hills.
  | "Winter is nice," {he} said, "if somebody tells you what it is."
sum: {H} saw snow for the first time, and {o} told {him} what it was.
q: What did {h} see for the first time? = {H} saw snow for the first time.
q: Who told {h} about the snow? = {O} told {h} about the snow.
q: What did {h} think it was? = {H} thought of {guess}.

# the wide world
hero: farm
other: owl hedgehog fox badger crow
when: mild hot
words: farm
slot: want = mountain / sea / castle / city / lighthouse / island / desert / palace / circus / volcano
slot-: bed = a bush / a wet stone / an old tree / a hedge / a little bridge
title: {Tc} Goes into the World | Far from the Farm | The Way to the {t_want}
* {When}, {a} did not want to stay on the Green Farm any more. | {When}, {a} said, "I am going out into the
  world!" and left the Green Farm. | {A} was bored on the Green Farm. So {he} left, {weather_on}.
* "I want to see {a_want}," {he} said. | "I am going to find {a_want}," {he} told the others.
+ {He} pushed the gate open and went down the road with {his} head up high. | The others stood at the fence
  and looked after {him} for a long time. | "Farewell," {he} called. "I will think of you when I am famous."
+ {He} went over the bridge and along the river until it was evening. | {He} walked all day, past fields and
  hills. | {He} went up a hill and down a hill, and then it was dark.
* It began to rain, and {his} bed was under {bed}. | In the night it was cold, and {he} lay under {bed}. |
  {He} was hungry, and {he} had to sleep under {bed}.
~
* There {he} met {o1}. "Why are you so sad?" asked {o}. | Then {o1} came. "What are you doing here?" {ohe}
  asked. | {O1} sat there too. "You are far from home," {ohe} said.
* "I am looking for {a_want}," said {h}. "But I miss my warm straw." | "I wanted to see {a_want}," said {h},
  "and now I only think of the farm."
+ "What is it like, your farm?" asked {o}. And {h} told about the hay, the friends and the songs in the
  evening. {He} could not stop. | "Is there somebody who waits for you?" asked {o}. {H} nodded, and a tear
  fell.
+ "Then you know now where you belong," said {o}. | "The world can wait," said {o}. "Friends do not like to
  wait." | "You had to go away to see how good it is at home," said {o}.
~
* In the morning {o} showed {him} the way, and {h} ran home. | So {h} turned around, and {o} went with {him}
  for a while.
* How happy the others were! They danced around {him} in the yard. | All the animals ran to the gate. "You
  are back!" they cried. | At home there was fresh straw and a big supper for {him}.
+ "Did you see {a_want}?" they asked. "I saw something better," said {h}. "I saw our gate."
sum: {H} left the farm to find {a_want}, but then {he} missed {his} home and went back.
q: Where did {h} live? = {H} lived on the Green Farm.
q: What did {h} want to see? = {H} wanted to see {a_want}.
q: Why did {h} go back? = {H} went back because {he} missed {his} home.
"""
