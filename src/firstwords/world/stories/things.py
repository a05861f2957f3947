"""Plots about things: lost, found, broken, built, blown away. The language is described in `plots.py`."""

TEXT = """
# lost thing
hero: child
other: friend
uses: friend
when: mild wind grey
slot: thing = ball / whistle / cap / glove / scarf / notebook / key / shell / pencil / marble / spoon /
  purse / ribbon
slot-: did, where = fed the ducks, beside the Duck Pond / looked at the boats, at the River Dock / smelled
  the warm rolls, in front of the Corner Bakery / waited for the train, on a bench at the Little Station /
  picked flowers, behind the Glass Garden / read a book, on the steps of the Round Library / climbed a tree,
  under a tree in Owl Wood / posted a letter, on top of the letter box / jumped over puddles, beside a
  puddle on Mill Lane / watched the wheel, on a wall near the Old Mill
title: The Lost {t_thing} | {Tc} Looks for the {t_thing} | Where Is the {t_thing}?
* {When}, {a} put a hand in {his} pocket. The {thing} was gone! | {When}, {a} came home without {his}
  {thing}. | {A} had lost {his} {thing}. It was {day}, and {he} was very sad. | "Oh no, my {thing} is gone!"
  {a} said {weather_on}.
+ {H} looked under the bed and behind the door, but there was no {thing}. | {He} looked in every corner of
  the house. There was nothing but dust. | {He} turned the whole room upside down, but the {thing} was not
  there.
+ It was only a small {thing}, but {he} loved it. | It was a present, so {h} did not want to lose it. | "I
  need that {thing}," {he} said, and tears came to {his} eyes.
~
* Then {o1} came and said, "Think! What did you do today?" | {H} told {o1} about it. "What did you do
  today?" {o} asked. | {H} met {o1}. "Do not cry," {o} said. "Where have you been today?"
* "I {did}," said {h}. | "Wait!" said {h}. "I {did}." | {H} thought hard. "I {did}," {he} said at last.
* So they ran back, and there it was: the {thing} lay {where}! | So the two went back together. The {thing}
  lay {where}. | They ran all the way back, and they found the {thing} {where}.
+ A snail sat on it. "Thank you for taking care of it," {h} told the snail. | It was a little dirty, so {h}
  cleaned it with {his} sleeve. | {O} saw it first and shouted with joy.
~
* "You are a good friend," said {h}, and they laughed all the way home. | {H} was so happy that {he} danced
  on the spot. "Two heads think better than one," said {o}. | "Thank you!" said {h}. "Next time I will help
  you." And {he} did.
+ From that day on, {h} looked after the {thing} well. | After that, {h} always put the {thing} in the same
  place. | And in the evening, the {thing} lay safe beside the bed.
sum: {H} lost {a_thing}, and {o} helped {him} to find it. | {O} helped {h} to find the lost {thing}.
q: What did {h} lose? = {H} lost {a_thing}.
q: Who helped {h}? = {O} helped {h}.
q: Where was the {thing}? = The {thing} was {where}.

# up in the tree
hero: child
other: =Paul
when: wind
words: wind tree ladder
slot: thing = kite / hat / scarf / balloon / ribbon / map / flag / drawing / cap
slot-: tree = oak / old pear tree / tall beech / big apple tree / lime tree
title: The {t_thing} in the Tree | {Tc} and the Wind | Up, Up and Away
* {When}, the wind took {a_thing} out of {h}'s hand. | It was {day}. Suddenly the wind pulled {a_thing} out
  of {h}'s hand. | {When}, {a} ran over the hill with {a_thing}. Then a strong wind came and took it away.
+ It flew over the roofs and over the river. | Up it went, higher than the Clock Tower. | It danced in the
  air like a bird.
* At last the {thing} hung in a tree, too high for anybody. | The {thing} flew up and stayed at the very top
  of the {tree}. It was a very tall tree. | It landed at the top of the tree, and there it stayed.
+ {H} shook the tree, but only leaves fell down. | {H} jumped and jumped, but {he} was too small. | {H}
  threw a stick, but now the stick hung in the tree too.
~
* So {h} ran to the Red Firehouse and asked {o1} for help. | "I need help," thought {h}, and {he} ran to
  {o1}.
* {O} came with a long ladder and climbed up. | {O} brought the longest ladder in the land and climbed to
  the top. | "No tree is too high for my ladder," said {o}, and up {ohe} went.
+ "Please be careful!" called {h}. | "I can see my house from here!" {ohe} called. | A crow looked at {ohim}
  and was angry.
* Soon the {thing} was back in {h}'s hands. "Hold it well," said {o}. "The wind likes it too." | {Ohe} came
  down with the {thing}. "Next time, hold on to it with both hands," {ohe} said. | Down came {o} with the
  {thing}, and {h} jumped for joy.
~
+ Because {o} had been so kind, {h} painted a picture of the long ladder for {ohim}. | {H} gave {ohim} half
  an apple, because {ohe} had been so kind.
+ Then {h} went home and held the {thing} with both hands. | And {h} held the {thing} very, very tightly all
  the way home. | {H} laughed, thanked {ohim} and ran home out of the wind.
sum: The wind blew {h}'s {thing} into a tree, and {o} got it down with a ladder.
q: Where was the {thing}? = The {thing} was in a tree.
q: Who climbed the ladder? = {O} climbed the ladder.
q: What took the {thing} away? = The wind took the {thing} away.

# the little boat
hero: child
other: family
when: mild hot
words: boat river
slot: sail, from = handkerchief, an old handkerchief / shirt, an old shirt / leaf, a big leaf / sock, a long
  sock / newspaper, a page of a newspaper / apron, an old apron / curtain, a piece of a curtain
slot-: boatname = Sea Star / Brave Duck / Little Whale / River Queen / Quick Fish / Lucky Spoon
title: The Little Boat | {Tc} Builds a Boat | The {boatname}
* {When}, {a} built a little boat from a piece of wood. | {When}, {a} found a piece of wood and made a boat
  of it. | {A} wanted a boat. So, {weather_on}, {he} built one from a piece of wood.
+ {He} painted it {paint} and called it the {boatname}. | "Your name is the {boatname}," {he} told the boat.
  | On its side {he} wrote the name: {boatname}.
* {He} put it in the river, but it turned over and sank at once. | But in the river the boat fell on its
  side and sank. | {He} put it on the river. Splash! It turned over and was full of water.
+ {H} pulled it out and wanted to cry. "It is a bad boat," {he} said. | {H} took it out and sat down in the
  grass. "I will never build a boat again!" | {H} fished it out with a stick. Water ran out of it on all
  sides.
~
* {O1} looked at the boat and said, "It needs a heavy stone at the bottom." | Then {o1} came along. "The
  boat is too light," said {o}. "Tie a stone under it." | {H} showed it to {o1}. "Put a stone under it," {o}
  said, "then it will stand up."
* So they tied a flat stone under it and made a sail from {from}. | They did that, and they made a new sail
  from {from}. | Together they tied a stone to it, and {from} became the sail.
~
* This time the boat stood up straight and sailed away like a swan. | Now the boat did not fall over. It
  sailed down the river in the sun. | The wind blew into the sail, and the boat swam as proudly as a swan.
+ Two ducks swam behind it and wondered. | A frog jumped on it and sailed along. | People on the bridge
  stopped and waved.
+ "It swims!" shouted {h}, and {he} ran along the river beside it. | "You did not give up," said {o}, and
  {h} smiled from ear to ear. | {H} and {o} ran beside it and cheered all the way to the bridge.
slot-: paint = red / blue / green / yellow / white
sum: {H} built a boat that sank, but with a stone and a sail it swam. | {O} helped {h} to mend {his} little
  boat.
q: What did {h} build? = {H} built a little boat.
q: Why did the boat sail well in the end? = It sailed well because they tied a stone under it.
q: Who helped {h}? = {O} helped {h}.

# the broken thing
hero: child
other: parent
mood: sad
when: any
slot: thing, broke = cup, into four pieces / plate, into two pieces / vase, into many pieces / bowl, into
  three pieces / lamp, and the light went out / jug, into five pieces / window, with a loud crash / mirror,
  into many pieces / teapot, into three pieces
title: The Broken {t_thing} | {Tc} Tells the Truth | A Hard Word to Say
* {When}, {a} played with a ball in the house and hit the {thing}. It broke {broke}. | {When}, {h}'s ball
  flew through the room and hit the {thing}. It broke {broke}. | {A} threw a ball in the house {weather_on}.
  It hit the {thing}, and the {thing} broke {broke}.
+ Everything was quiet. {H} could hear {his} own heart. | "Oh no!" whispered {h}. It was a very good
  {thing}. | {H} stood there and did not move.
* {He} was afraid and hid under the table. | {He} felt sick with fear and hid behind the curtain. | First
  {he} wanted to run away, and {he} hid in the garden.
+ "I could say that it was the cat," {he} thought. But that was not true. | "Maybe nobody will see it," {he}
  thought. But a lie feels like a stone in the shoe. | {He} thought about it for a long time, and big tears
  came.
~
* Then {he} went to {o1} and said, "I broke the {thing}. I am sorry." | At last {he} came out and told {o1}
  the truth. "It was me," {he} said and cried. | But then {he} took a deep breath and told {o1} everything.
* {O} did not shout. {Ohe} took {h} into {ohis} arms. | {O} was sad about the {thing}, but {ohe} was not
  angry with {h}. | {O} sat down beside {h} and dried {his} tears.
+ "{A_thing} is only a thing," said {o}. "But the truth is worth gold." | "I once broke one too," {ohe}
  said, "and I was just as afraid as you." | "Are you hurt?" asked {o}. {H} shook {his} head.
* "You were brave to tell me," {ohe} said. | "Thank you for the truth," said {o}. "That was brave."
~
* Together they swept the floor, and {h} felt light again. | Then they cleaned up together, and {h} could
  smile again. | They swept up the pieces together, and the stone in {h}'s heart was gone.
+ From then on, {h} played with the ball in the garden. | And the ball? It had to live outside from that day
  on. | The next day they went to buy a new one, and {h} carried it home very carefully.
sum: {H} broke {a_thing} and told {o} the truth, and {o} was not angry.
q: What did {h} break? = {H} broke {a_thing}.
q: Why was {h} afraid? = {H} was afraid because {he} had broken the {thing}.
q: Was {o} angry? = No, {o} was not angry.

# the treasure map
hero: child
other: friend
uses: friend
when: mild grey hot
words: map
slot: prize, joke = shoe, an old shoe / spoon, a big spoon / cheese, a very old cheese / button, a green
  button / stone, a heavy stone / bell, a small bell / potato, a potato / nut, a single nut / feather, a
  white feather
slot-: book = an old book / a dusty box / a broken chair / an old coat / a blue bottle
title: The Treasure Map | {Tc} Finds a Map | The Chest under the Oak
* {When}, {a} found a map in {book}. | {When}, a map fell out of {book}, right at {h}'s feet. | {A} found a
  map {weather_on}. It was in {book}.
+ There was a red cross on it, and beside it somebody had written "treasure". | On it were the river, the
  bridge and a red cross. "Treasure!" it said. | A red cross showed where the treasure was.
+ "We will be rich!" said {h}. {He} ran to show it to {o1}. | {H} ran to {o1} so fast that {he} lost a sock.
  | "I must show this to {o}," said {h}. So {he} told {o1} about it.
- {H} took {o1} along. | {H} showed it to {o1}, and they set off.
~
* They walked over the bridge and counted twenty steps to a big oak. | The map led them over the bridge and
  twenty steps to the north. There stood a big oak. | They went over the bridge, past a white stone, and
  then they stood under a big oak.
* There they dug and dug until they hit a box. | They dug a deep hole. At last there was a knock: it was a
  box! | They dug until their arms hurt, and then they saw a wooden box.
+ "You open it," whispered {o}. "No, you," whispered {h}. | Their hearts beat like drums. | "Maybe it is
  full of gold," whispered {o}.
~
* In the box they found {joke}, and with it a note: "The walk was the treasure." | The box held only {joke}
  and a note. "You had a good day, and that is a treasure," it said. | But there was no gold. There was
  {joke}, and there was a note: "You found a day with a friend."
+ First they were angry, but then {o} began to laugh. | They looked at each other. Then they laughed until
  their bellies hurt.
* "It is true," said {h}. "It was a good day." They hid the map again for the next child. | So they put
  everything back for the next ones, and went home happy, dirty and hungry. | They laughed, and they put the
  map back so that somebody else could find it.
sum: {H} and {o} followed a map, and the treasure they found was a good day with a friend.
q: What did {h} find first? = {H} found a map.
q: What was in the box? = In the box there was {joke} and a note.
q: Who went with {h}? = {O} went with {h}.

# the found thing
hero: child
other: adult
when: any
slot: thing = ring / watch / purse / key / umbrella / basket / flute / letter / coat / violin / book / bag /
  glove
slot-: place = on a bench on the market square / in the grass beside the Duck Pond / on the bridge / on Mill
  Lane / on the steps of the Town Hall / at the Little Station / near the Old Mill / in front of the Round
  Library
slot-: thanks = a warm bun / a ride on a cart / a big red apple / a bag of nuts / a bowl of soup / a slice
  of cake
title: Whose {t_thing} Is It? | The {t_thing} That Nobody Missed | {Tc} Finds Something
* {When}, {a} found {a_thing} {place}. | {When}, {a} saw something {place}. It was {a_thing}. | It was
  {day}. {A} nearly fell over {a_thing} {place}.
+ {H} looked left and right, but nobody was there. | "Hello? Who lost this?" {he} called, but nobody
  answered. | It was old, but it was a good one.
* "Somebody is looking for this," thought {h}. | "It is not mine," {he} said, "so I must find out whose it
  is." | {H} wanted to keep it, but it belonged to somebody else.
~
* So {he} went from door to door and asked everybody. | {He} asked at the first house, and at the second,
  and at the third.
+ "Not mine," said the first. "Not mine," said the second. | Most people shook their heads. | One man said
  that it was his, but he could not say where he had lost it.
* At last {he} came to {o1}. "My {thing}!" cried {o}. "I have looked for it all day!" | Then {he} met {o1},
  who looked under every bush. "Have you seen my {thing}?" {o} asked. | Then {o1} opened the door and saw
  the {thing}. "You found it!" {ohe} cried.
~
+ "It is old," said {o}, "but my grandmother gave it to me. So I love it." | {O} pressed the {thing} to
  {ohis} heart. | "I thought it was gone for ever," {ohe} said.
* {O} was so glad that {ohe} gave {h} {thanks}. | Because {h} was honest, {o} gave {him} {thanks}. | "Honest
  children are the best," said {o}, and {ohe} gave {h} {thanks}.
* {H} went home, and {his} heart was warm. | And {h} was happier than with ten new things. | That evening
  {h} felt as tall as a house.
sum: {H} found {a_thing} and brought it back to {o}. | {H} found {o}'s {thing} and gave it back.
q: What did {h} find? = {H} found {a_thing}.
q: Whose {thing} was it? = It was {o}'s {thing}.
q: What did {o} give {h}? = {O} gave {h} {thanks}.

# note in a bottle
hero: child
other: adult
when: mild grey hot
words: bottle letter river
slot: gift = shell / drawing / book / stamp / feather / cake / lantern / bracelet / whistle / candle
title: The Letter in the Bottle | {Tc} Writes to Nobody | An Answer from the River
* {When}, {a} wrote a letter, put it in a bottle and threw it into the river. | {When}, {a} sat at the river
  with a letter and an empty bottle. {He} put the letter in the bottle and let it swim away. | {A} wrote a
  letter to nobody. It was {day}. {He} put the letter in a bottle and gave it to the river.
+ The letter said: "Whoever you are, please write to me." | The letter said: "Hello! I would like to get a
  letter. Please answer." | "Dear finder," it said, "tell me something nice."
+ Then {h} waited one day, two days, a whole week. | {He} looked into the letter box every morning. It was
  always empty. | "Nobody will find it," {he} thought after a week.
~
* Far down the river, the bottle stopped at the feet of {o1}. | But {o1} stood at the water and saw the
  bottle. | One morning, {o1} saw something shine in the river. It was the bottle.
+ {O} read the letter and had to smile. {Ohe} had been a lonely child once. | "How nice!" said {o}. "I have
  not had a letter for a long time." | {O} read the letter twice, because it was so friendly.
* So {o} sat down and wrote an answer. | {Ohe} wrote an answer at once. | "This child shall get an answer,"
  said {o}, and {ohe} took a pen.
~
* Soon {h} got a letter, and with it {a_gift}! | A few days later there was a letter for {h}, and {a_gift}
  was with it. | And then {h} found a letter and {a_gift} at the door.
* "The river has a good postman," said {h}, and {he} wrote back the same day. | {H} read it ten times and
  put it under the pillow. | {H} laughed for joy, and {he} and {o} wrote to each other all year.
sum: {H} sent a letter in a bottle, and {o} found it and answered.
q: Where did {h} put the letter? = {H} put the letter in a bottle.
q: Who found the bottle? = {O} found the bottle.
q: What came with the answer? = {A_gift} came with the answer.

# glasses on the head
hero: adult
other: child
mood: funny
when: any
slot: thing, find = glasses, they are on your nose / hat, it is on your head / scarf, it is around your neck
  / pencil, it is behind your ear / umbrella, it hangs over your arm / watch, it is on your arm / whistle,
  it hangs around your neck / apron, it is around your belly / spoon, it is in your hand / gloves, they are
  on your hands
title: The Long Search | {Tc} Looks Everywhere | Gone and Not Gone
* {When}, {a} looked for {his} {thing}. {He} looked everywhere. | "Where is my {thing}?" {a} shouted
  {weather_on}. | It was {day}, and {a} could not find {his} {thing}.
* {He} looked under the bed, in the oven and even in the soup. | {He} emptied every box in the house and
  looked behind the clock. | {He} crept under the table and looked into every pot.
+ {He} found three old socks, a dry bun and a letter from last year. | {He} found a sleepy spider and a very
  old cheese. | There was dust on {his} nose and a spoon in {his} shoe.
+ "A thief was here!" said {h}. | "Somebody has stolen it!" said {h}, and {he} wanted to call the police. |
  {He} asked all the neighbours, but they only smiled.
~
* Then {o1} came to the door and began to laugh. | {O1} came along, looked at {h} and giggled. | Just then
  {o1} looked in at the window and laughed out loud.
* "What is so funny?" asked {h}. "You and your {thing}," said {o}. "Look, {find}!" | "Why do you laugh?" {h}
  asked. "Because {find}," said {o}.
~
* {H} became as red as a tomato. Then {he} laughed too. | {H} looked at {self}. "You are right," {he} said
  slowly, and then they both laughed. | For a moment {h} said nothing. Then {he} laughed louder than {o}.
+ "Tomorrow I will lose something bigger," {he} said, "an elephant, for example." | "Do not tell anybody,"
  said {h}. But by evening the whole town knew. | "I need you in my house," said {h}. "You have good eyes."
sum: {H} looked everywhere for something that {he} had with {him} all the time.
q: What did {h} look for? = {H} looked for {his} {thing}.
q: Who laughed at {h}? = {O} laughed at {h}.
"""
