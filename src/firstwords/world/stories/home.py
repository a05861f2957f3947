"""Plots of house and street: pets, rain, food, gifts. The language is described in `plots.py`."""

TEXT = """
# the thief with four legs
hero: person
other: pet
third: adult
mood: funny
uses: pet
when: mild wind
pet: dog goat cat parrot goose pig duck donkey rabbit
slot: thing = hat / sausage / shoe / shirt / sock / newspaper / bun / glove / apron / towel / scarf / cake /
  letter / ribbon
title: Stop, Thief! | {o} and the {t_thing} | {Tc} Runs after {o}
* {When}, {a} went for a walk with {o1}. But {o} took {a_thing} and ran away with it. | {When}, {a} heard a
  shout in the street. {O1} had stolen {a_thing}! | {A} was in the street with {o1}. It was {day}. Then {o}
  saw {a_thing}, took it and ran.
* It was the {thing} of {p1}. "Stop, thief!" cried {p}. | The {thing} belonged to {p1}. "My {thing}!"
  shouted {p}.
* So {p} ran after {o}, and {h} ran after {p}. | {H} ran after {o}, and {p} ran after {h}. | {H} and {p} ran
  after {o} as fast as they could.
+ They ran three times around the Town Hall. | They ran over the bridge and back over the bridge. | They ran
  across the market square, and three baskets of apples fell over.
+ "{O}, come here!" shouted {h}. But {o} thought that it was a game. | {O} was so happy. So many people
  wanted to play! | {P} fell over {phis} own feet and stood up again.
~
* Then {h} had an idea. {He} sat down on the ground and ate an apple. | At last {h} stopped. "We must not
  run," {he} said, and {he} sat down. | "Stop running," said {h}. "Look the other way."
* When nobody ran, {o} came back and was surprised. | Without a game, {o} was bored and came back by itself.
  | {O} waited. Then it came and put the {thing} in front of {h}'s feet.
+ {P} got the {thing} back. It was wet, and there was a hole in it. | "Here you are," {h} said to {p}.
  "There is a little hole in it. I am so sorry." | So {p} got the {thing} back, and it was only a little
  dirty.
~
* First {p} was angry, but then {phe} laughed. "I have not run like that for ten years!" | {P} was out of
  breath. "That was the best race of the year," {phe} said and had to laugh. | "Your {o} is faster than I
  am," said {p}, and they shook hands.
+ And {h} made a new {thing} for {phim}, because that was only fair. | "Say sorry," said {h}. And {o} put
  its head on {p}'s foot.
sum: {O} stole {a_thing} from {p}, and {h} got it back when nobody ran any more.
q: Who took the {thing}? = {O} took the {thing}.
q: Whose {thing} was it? = It was the {thing} of {p}.
q: Why did {o} come back? = {O} came back because nobody ran any more.

# the talking parrot
hero: Leo Felix Julia
other: pet
third: adult
mood: funny
uses: pet
when: any
words: parrot
slot-: phrase, react = Fire!, threw a bucket of water over the table / The soup is ready!, ran in with a
  spoon and a bowl / Thief!, locked all the doors / All aboard!, ran for the train with one shoe / Good
  night!, went to bed with the hat on / Look out!, crept under the table / Here comes the king!, bowed down
  to the ground / Catch the mouse!, jumped on a chair
title: What {o} Said | The Parrot Who Talked Too Much | {o} Has a Word
* {When}, {a} taught {o1} a new word. | {When}, {o1} learned to say something new. | {A} had a parrot, and
  it learned something new {weather_on}. It was {o}.
* "{Phrase}" said the parrot all day. | "{Phrase}" cried the parrot from the top of the cupboard. | The
  parrot liked it so much that it said nothing else. "{Phrase}"
+ "That is very good, {o}," said {h}. "But now be quiet." {O} was not quiet. | It said it to the clock, to
  the soup and to the moon. | {H} put {his} fingers in {his} ears.
* Then {p1} came for a visit. "{Phrase}" shouted {o}. | In the afternoon, {p1} stood at the door. "{Phrase}"
  screamed {o}. | Just then {p1} came in, and the parrot cried, "{Phrase}"
~
* {P} was so surprised that {phe} {react}. | And what did {p} do? {Phe} {react}. | {P} believed it and
  {react}.
+ "Wait!" cried {h}. "It is only the parrot!" But it was too late. | {O} watched it and was delighted.
+ "It was only {o}," said {h}. "I am so sorry!" | {H} became red. "That was not me," {he} said. "That was
  {o}." | "The parrot said that," {h} explained.
~
* {P} looked at the parrot, and then {phe} laughed until {phe} had to sit down. | For a moment it was quiet.
  Then they all laughed, and {o} laughed the loudest.
* "Today I will teach it something better," said {h}. "Say please, {o}!" "{Phrase}" said {o}. | So {h}
  taught it to say "Thank you". Since then it says, "Thank you! {Phrase}" | "Now say sorry," said {h}. {O}
  thought about it. "{Phrase}" it said.
sum: {H}'s parrot {o} learned to say "{Phrase}" and {p} believed it.
q: Who was {o}? = {O} was a parrot.
q: What did {o} say? = {O} said, "{Phrase}"
q: Who came for a visit? = {P} came for a visit.

# a leaking roof
hero: adult
other: family
mood: happy
when: rain
words: roof
slot: pot = pot / bucket / pan / bowl / cup / jar / bottle / tub / kettle / basin
title: Music from the Roof | {Tc} and the Rain | Plink, Plank, Plonk
* {When}, there was a hole in {h}'s roof. "Plink," said the rain. | {When}, {a} felt a drop on {his} nose.
  The roof had a hole! | It was {day}. The rain came through the roof, right into {h}'s soup.
* {He} put {a_pot} under it. "Plink, plank," it went. | {H} took {a_pot} and put it on the floor. "Plink,
  plank." | {H} put {a_pot} under the hole.
+ Then there was a second hole, and a third one. | Soon there was a bowl on the bed and a cup on the chair.
  | "Is it raining inside or outside?" {he} asked.
* But there were more and more holes, and {h} was angry. | More and more drops fell. "What a terrible day!"
  said {h}. | Soon the whole room was full of pots, and {h} did not know what to do.
~
* Then {o1} came in and stood still. "Listen," said {o}. "That is music!" | {O1} came and began to smile.
  "Do you hear it?" {ohe} asked. "It is a song!" | But {o1} did not see the water. {Ohe} heard the sound.
  "How beautiful!" said {o}.
* {O} took a spoon and beat on the {pot}. Plink, plank, plonk! | {O} danced from pot to pot and sang with
  the drops. | {O} hummed, and the {pot} went "plonk" at the right moment.
* {H} had to laugh, and {he} sang too. | And {h} forgot {his} anger and joined in. | Soon {h} played on a
  kettle with two forks.
+ The neighbours heard it and came with more pots and pans. | The people in the street stopped under their
  umbrellas and clapped.
~
+ The next day the sun shone, and everybody helped to mend the roof. | When the rain was over, they mended
  the roof together.
+ "What a pity," said {h}. "The band has to stop." | "We will leave one little hole," said {o}. "For the
  music." | But one pot stayed on the floor, just for fun.
sum: The rain came through {h}'s roof, and {o} made music out of it.
q: What was wrong with the roof? = There were holes in the roof.
q: What did {h} put under the hole? = {H} put {a_pot} under the hole.
q: What did {o} hear in the drops? = {O} heard music.

# sharing the last one
hero: child
other: child
when: any
slot: food = bun / apple / pancake / sandwich / banana / pear / waffle / cookie / plum / orange / egg /
  carrot / potato / roll
slot-: trouble, fix = lost a shoe in the mud, pulled it out with a stick / could not open the door, pushed
  with all the strength of two / fell into a puddle, brought a dry coat / could not carry the heavy basket,
  took one side of it / could not solve a sum, showed how it goes / was afraid of a big dog, sent the dog
  home
title: Sharing the {t_food} | {Tc} Shares | Half for You
* {When}, {a} had only one {food} left. {He} was very hungry. | {When}, {a} wanted to eat {his} {food}. It
  was the last one. | {A} sat on a wall {weather_on} and wanted to eat {a_food}.
* Then {he} saw {o1}, who had nothing to eat. | Beside {him} sat {o1} and looked at the {food} with big
  eyes. | But {o1} came along and looked so hungry.
+ "I had to give my lunch to the pond," said {o}. "It fell in." | "I forgot my lunch at home," said {o}. |
  {H} looked at the {food}. It was not very big.
* {H} thought about it. Then {he} gave {o} half of it. | "Half for you, half for me," said {h}. | {H} broke
  the {food} into two parts and gave {o} the bigger one.
+ Half {a_food} is not much, but it tasted better with two. | They ate very slowly, so that it lasted
  longer. | "Thank you," said {o} with a full mouth.
~
* The next day {h} {trouble}. | A few days later {h} {trouble}. | Then, one week later, {h} {trouble}.
+ Nobody was there to help. | "What shall I do now?" {he} thought. | {He} was close to tears.
* But {o} came and {fix}. | Then {o} saw it, ran to {him} and {fix}.
~
* "Half {a_food} makes a whole friend," said {o}. | "You shared with me," said {o}, "so I share your
  trouble." | "Thank you," said {h}. "Thank you for the {food}," said {o}.
+ And then they went to look for something to eat, because they were hungry again. | After that, the two
  always shared: the bread, the games and the work.
* {H} smiled. It had been a very good {food}. | And {h} was glad that {he} had shared.
sum: {H} shared {his} last {food} with {o}, and later {o} helped {him}.
q: What did {h} share? = {H} shared {a_food}.
q: With whom did {h} share it? = {H} shared it with {o}.
q: Why did {o} help {h}? = {O} helped {h} because {h} had shared with {ohim}.

# present for somebody
hero: person
other: friend
uses: friend colour
when: any
slot: thing = scarf / hat / cap / blanket / bag / pillow / coat / sweater / kite / belt / flag
slot-: wrong = mud / soup / ink / tea / jam / paint
title: A Present for {o} | The {t_thing} | The Wrong Colour
* {When}, {a} made {a_thing} for {o1}. | {When}, {a} wanted to give {o1} a present, so {he} made {a_thing}.
  | {A} sat at the table and sewed. It was {day}, and the {thing} was for {o1}.
+ It was a lot of work, and {he} pricked {his} finger twice. | {He} worked on it for a whole week. | "Nobody
  must see it," {he} said, and {he} closed the curtains.
* But when it was ready, a lot of {wrong} fell on it! | Just before the last stitch, {he} spilled {wrong} on
  it. | Then {his} arm hit a cup, and the {thing} was full of {wrong}.
* Now there was a big spot on the {thing}, and it would not go away. | {H} washed it three times, but the
  spot stayed. | A big dark spot was right in the middle. {H} could have cried.
~
+ "It is ugly now," {he} said. "I cannot give it away." | {He} wanted to throw it into the fire. | "All that
  work for nothing," {he} said.
* But then {he} looked at the spot. "It looks like {shape}!" {he} said. | {H} held it up to the light. "That
  spot looks like {shape}," {he} thought. | {H} turned it around, and suddenly {he} saw {shape} in the spot.
* So {he} took a needle and gave it eyes and a smile. | {He} took some thread and gave the spot two eyes and
  a mouth.
~
* {O} opened the present and laughed for joy. | When {o} saw the {thing}, {ohe} could not stop laughing. |
  "For me?" asked {o}, and {ohis} eyes became big.
+ "It is {shape}!" said {o}. "Nobody else has such {a_thing}!" | "I have never had such a beautiful
  {thing}," said {o}. "And it smiles at me!"
+ "It was an accident," said {h}. "Then it was a lucky one," said {o}. | {O} used it every day, and
  everybody asked where one could buy one.
+ And {h} was very glad that {he} had not thrown it away. | {H} smiled and said nothing about the {wrong}.
slot-: shape = a cat / a cloud / an elephant / a bear / a whale / a snail / a moon / a fish / a mouse / a
  sheep
sum: {H} made {a_thing} for {o}, and a spot on it became {shape}.
q: For whom was the {thing}? = The {thing} was for {o}.
q: What fell on the {thing}? = {Wrong} fell on the {thing}.
q: What did the spot look like? = It looked like {shape}.

# the hurt bird
hero: child
other: =Anna
mood: sad
when: mild wind grey
words: box
slot: bird = sparrow / robin / crow / owl / pigeon / blackbird / duck / dove
title: The Hurt {t_bird} | {Tc} and the {t_bird} | A Broken Wing
* {When}, {a} found {a_bird} on the ground. It could not fly. | {When}, {a_bird} lay in the grass in front
  of {h}. Its wing was hurt. | {A} heard a thin cry. It was {day}, and {a_bird} with a hurt wing lay under a
  bush.
+ "You poor thing," said {h}, and tears came to {his} eyes. | {H} was sad, because the {bird} shook with
  fear. | "Do not die," whispered {h}, and {he} cried a little.
* {He} put it in a box and carried it to {o1}. | Very carefully {he} put it in a box and ran to {o1}. | {H}
  took a box with soft grass, put the {bird} in it and went to {o1}.
~
* {O} looked at the wing. "It is not too bad," {ohe} said. "It needs two weeks." | "You did that well," said
  {o}, and {ohe} put a bandage around the wing. | {O} put a bandage on it. "Now it needs rest, water and a
  friend," {ohe} said.
+ So {h} came every day after school and gave it water. | Every day {h} sat beside the box and told it
  stories. | On the third day the {bird} ate out of {h}'s hand.
- {H} came every day and fed it. After two weeks it was well again. | {H} came every day and gave it water,
  until it was well.
+ "Can it stay with me for ever?" asked {h}. {O} shook {ohis} head. "A bird needs the sky." | "I will miss
  it," said {h}. "I know," said {o}. "That is how love is."
~
+ After two weeks {o} took the bandage off, and {h} opened the window. | Then the day came. {H} put the
  {bird} on {his} hand and went out. | Two weeks later they stood on the meadow, and {h} opened the box.
* The {bird} looked at {him} once more, and then it flew. | The {bird} moved its wings, first slowly, then
  fast, and up it went. | "Fly!" said {h}. And it flew, over the meadow and up into the sky.
* {H} cried and laughed at the same time. | {H} was sad, and {he} was happy too. "It can fly again," {he}
  said. | {O} put an arm around {h}. "You saved it," {ohe} said.
+ And sometimes {a_bird} sits in front of {h}'s window and sings as if it knew {him}. | Then it flew one
  circle over {his} head, and that was its thank you.
sum: {H} found {a_bird} with a hurt wing, and {o} made it well again.
q: What did {h} find? = {H} found {a_bird}.
q: Who made the {bird} well again? = {O} made it well again.
q: What did the {bird} do in the end? = It flew away.

# the lost animal
hero: child
other: =Martin
when: mild wind autumn
slot: beast, sound = lamb, Baa / calf, Moo / piglet, Oink / goat, Meh / chick, Peep / duckling, Peep / pony,
  Neigh / foal, Neigh / puppy, Woof / gosling, Honk
slot-: place = at the Duck Pond / on the bridge / in front of the school / on the market square / on Mill
  Lane / beside the river
title: The Lost {t_beast} | Who Follows {T}? | {Tc} and the {t_beast}
* {When}, {a_beast} stood {place} and looked at {h}. | {When}, {a} met {a_beast} {place}. It was all alone.
  | {A} was {place} {weather_on}. There stood {a_beast}, all alone.
* "{Sound}!" it said and ran after {him}. | When {h} went on, the {beast} went too. "{Sound}!" | "Go home,"
  said {h}. "{Sound}," said the {beast} and stayed.
+ {H} ran, and it ran too. {H} hid behind a tree, and it hid behind the tree too. | It ate a button from
  {his} coat and half of {his} sandwich. | {H} turned left, and the {beast} turned left. {H} jumped, and it
  jumped.
+ "Do you think that I am your mother?" asked {h}. "{Sound}," it said. | All the people laughed, because
  they looked so funny together.
~
* "It must be lost," thought {h}, and {he} took it to the Green Farm. | "Somebody will miss you," said {h}.
  So they walked to the Green Farm together.
* There {o1} ran from one door to the other and looked into every corner. | At the farm, {o1} looked under
  the tractor and behind the hay. | {O1} stood in the yard and called and called.
* "There you are!" cried {o}, and the {beast} ran to {ohim}. | "My {beast}!" {ohe} shouted. "I was so
  worried." | {O} threw {ohis} hat into the air when {ohe} saw the {beast}.
~
+ "The gate was open," said {o}, "and it is so curious." | "It went to see the town," said {h}. "I think
  that it liked it."
* "You can visit it every week," said {o}, and {h} did so. | {H} was a little sad. But {o} said, "It has two
  homes now, one here and one in your heart." | "It likes you," said {o}. "Come and play with it when you
  want."
+ And when {h} came, it shouted "{Sound}!" from far away. | And from that day on, the {beast} waited for {h}
  at the gate.
sum: {A_beast} followed {h}, and {h} brought it back to {o} on the Green Farm.
q: What followed {h}? = {A_beast} followed {h}.
q: Where did {h} take it? = {H} took it to the Green Farm.
q: Whose {beast} was it? = It was {o}'s {beast}.

# three wishes
hero: child
mood: funny
when: mild hot
words: fish wish river
slot: first = sausage / cake / pancake / pumpkin / cheese / sandwich / pear / banana / hat / umbrella
slot-: place = on my nose / on my head / behind my ear / on my back / on my foot
title: Three Wishes | {Tc} and the Fish | The Silly Wish
* {When}, {a} found a little fish in the grass beside the river. | {When}, {a} sat at the river, and a
  little fish jumped out of the water and lay on the stones. | {A} walked along the river {weather_on}. A
  fish lay in the sand and could not breathe.
* {H} put it back in the water. "You have three wishes," said the fish. | {He} took it and put it into the
  water. "Thank you!" it said. "Now you can wish for three things."
+ "You can talk!" cried {h}. "And you can listen," said the fish. "So wish!" | {H} looked left and right.
  Yes, it was the fish that had talked. | The fish looked at {him}. "But think well," it said. "Most
  people do not."
* {H} did not think for long. "I wish for {a_first}!" | "Then I want {a_first}," said {h} at once.
+ There was a bang and a cloud of smoke. | The fish moved its tail, and the sky rang like a bell.
~
* And there it was, the biggest {first} of all. But it was too big to carry! | At once {a_first} stood
  there, as big as a cow. "What shall I do with that?" asked {h}.
* "I wish it was small and sat {place}," {he} said. {He} only wanted to make a joke. | "It can sit {place}
  for all I care," {h} said. But that was a wish too! | {H} laughed. "I wish I had it {place}!" {he} said.
  Oh dear!
+ Now it sat there and did not move. {H} pulled and pulled. | And there it sat. It could not be pulled away,
  and a dog began to bark at it.
~
* So the third wish was: "Away with it!" | "I wish it was gone!" cried {h}. And that was the third wish. |
  {H} needed the last wish to get rid of the {first}, and {he} called, "Away with it!"
* "All my wishes are gone, and I have nothing," said {h}. "You have a good story," said the fish. | The fish
  laughed so hard that it made waves. "Come again," it said. "I have not laughed so much for years." | {H}
  looked at the fish, and the fish looked at {h}. Then they laughed, and that was better than a wish.
+ {H} went home, and there was soup. {He} was very glad that it stayed in the plate. | And at home nobody
  believed {him}. But it was true.
sum: {H} saved a fish and got three wishes, but {he} lost them all because of {a_first}.
q: What did {h} save? = {H} saved a fish.
q: How many wishes did {h} get? = {H} got three wishes.
q: What was the first wish? = The first wish was {a_first}.
"""
